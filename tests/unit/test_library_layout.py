"""Rows of the library: true ratios, one width, days in the person's time zone, and a beginning that stays as it was."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from studio.services.library.layout import AFTER, GAP, HEADING, PACKED, PHONE_ROW, ROW, Layout, arrange

ZONE = ZoneInfo("UTC")
RATIOS = (1000, 1333, 1500, 1777, 750, 666, 562, 2333)
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


def packed(
    amount: int, *, a_day: int = 40, ratios: tuple[int, ...] = RATIOS, seed: int = 3
) -> tuple[bytes, list[UUID]]:
    """Outputs as the database sends them, newest first."""
    chance = random.Random(seed)  # the same rows each time
    ids = [uuid4() for _ in range(amount)]
    rows = np.zeros(amount, PACKED)
    for n, each in enumerate(ids):
        at = NOON - timedelta(days=n // a_day, minutes=n % a_day)
        rows[n] = (each.bytes, chance.choice(ratios), int(at.timestamp()) // 60)
    return rows.tobytes(), ids


def everything(layout: Layout) -> list[tuple[int, int, list[int]]]:
    return [(line.top, line.height, list(line.widths)) for line in layout.between(0, layout.height)]


@pytest.mark.parametrize("width", [382, 760, 1286, 2500, 3800])
def test_every_row_but_a_days_last_fills_the_width_near_the_wanted_height(width: int):
    data, ids = packed(900)
    layout = arrange(data, width=width, dated=True, zone=ZONE)
    wanted = PHONE_ROW if width < 600 else max(ROW, width / 11)
    seen: list[UUID] = []
    for number, line in enumerate(layout.between(0, layout.height)):
        seen += line.ids
        taken = sum(line.widths) + GAP * (len(line.widths) - 1)
        assert taken == width if layout.full[number] else taken <= width
        if layout.full[number]:
            assert wanted / 1.7 <= line.height <= 1.7 * wanted
    assert seen == ids, "every output stands once, in order"
    assert layout.count == 900


def test_a_tile_has_the_ratio_of_its_picture():
    data, _ids = packed(300)
    layout = arrange(data, width=1286, dated=True, zone=ZONE)
    for line in layout.between(0, layout.height):
        for n, width in enumerate(line.widths[:-1]):
            assert abs(width - line.height * int(layout.ratios[line.first + n]) / 1000) <= 1


def test_days_are_the_persons_and_count_what_is_below_them():
    data, _ = packed(100, a_day=40)
    layout = arrange(data, width=1286, dated=True, zone=ZONE)
    found = list(layout.headings(0, layout.height))
    assert [(each.day, each.count) for each in found] == [
        (date(2026, 3, 20), 40),
        (date(2026, 3, 19), 40),
        (date(2026, 3, 18), 20),
    ]
    assert found[0].top == 0
    # 12:00 to 11:21 UTC is 01:00 to 00:21 in Auckland, the next day.
    far = arrange(data, width=1286, dated=True, zone=ZoneInfo("Pacific/Auckland"))
    assert [each.day for each in far.headings(0, far.height)] == [date(2026, 3, day) for day in (21, 20, 19)]


def test_oldest_first_has_the_same_days_the_other_way_round():
    data, _ = packed(100)
    turned = np.frombuffer(data, PACKED)[::-1].tobytes()
    layout = arrange(turned, width=1286, dated=True, zone=ZoneInfo("America/New_York"))
    assert [(each.day.day, each.count) for each in layout.headings(0, layout.height)] == [(18, 20), (19, 40), (20, 40)]


def test_a_day_of_the_change_of_clocks_is_one_day():
    """25 October 2026 has 25 hours in Berlin."""
    rows = np.zeros(25, PACKED)
    for n in range(25):
        at = datetime(2026, 10, 25, 22, 30, tzinfo=UTC) - timedelta(hours=n)
        rows[n] = (uuid4().bytes, 1000, int(at.timestamp()) // 60)
    layout = arrange(rows.tobytes(), width=1286, dated=True, zone=ZoneInfo("Europe/Berlin"))
    assert [each.count for each in layout.headings(0, layout.height)] == [25]


def test_a_beginning_is_how_the_whole_begins():
    data, _ = packed(1000)
    whole = arrange(data, width=1286, dated=True, zone=ZONE)
    for amount in (90, 121, 400, 401):
        part = arrange(data[: amount * PACKED.itemsize], width=1286, dated=True, zone=ZONE, complete=False)
        assert everything(part) == everything(whole)[: len(everything(part))]
        assert amount - 20 <= part.count <= amount


def test_without_days_there_is_no_heading():
    data, ids = packed(200)
    layout = arrange(data, width=1286, dated=False, zone=ZONE)
    assert list(layout.headings(0, layout.height)) == []
    assert layout.between(0, 1)[0].top == 0
    assert layout.id_at(17) == ids[17]


def test_nothing_and_one():
    for dated in (True, False):
        empty = arrange(b"", width=1286, dated=dated, zone=ZONE)
        assert (empty.count, empty.lines, everything(empty), empty.bones(0, 5000)) == (0, 0, [], [])
    data, ids = packed(1)
    one = arrange(data, width=1286, dated=True, zone=ZONE)
    assert (one.count, one.lines, one.height) == (1, 2, HEADING + ROW + GAP + AFTER)
    assert one.place_of(ids[0]) == 0


@pytest.mark.parametrize("ratio", [1, 60, 32_000])
def test_a_strip_shows_a_part_and_leaves_its_row_a_height(ratio: int):
    data, _ = packed(50, ratios=(ratio, 1000))
    layout = arrange(data, width=382, dated=True, zone=ZONE)
    assert all(60 <= height <= 400 for _, height, _ in everything(layout))


def test_an_output_is_found_by_its_id_and_an_unknown_one_is_not():
    data, ids = packed(500)
    layout = arrange(data, width=1286, dated=True, zone=ZONE)
    for place in (0, 1, 250, 499):
        assert layout.place_of(ids[place]) == place
        line = next(line for line in layout.between(0, layout.height) if ids[place] in line.ids)
        assert layout.top_of(place) == line.top
    assert layout.place_of(uuid4()) is None
    across = UUID(bytes=ids[0].bytes[8:] + ids[1].bytes[:8])
    assert layout.place_of(across) is None


def test_lines_are_numbered_with_the_headings_between_them():
    data, _ = packed(300)
    layout = arrange(data, width=1286, dated=True, zone=ZONE)
    tops = [(line.top, line.index) for line in layout.between(0, layout.height)]
    tops += [(each.top, each.index) for each in layout.headings(0, layout.height)]
    assert [index for _, index in sorted(tops)] == list(range(layout.lines))


def test_the_scale_has_at_most_so_many_days():
    data, _ = packed(1000, a_day=1)
    layout = arrange(data, width=1286, dated=True, zone=ZONE)
    assert len(layout.stops(400)) == 334
    assert [each[-1][0] for each in (layout.stops(300), layout.stops(2000))] == [date(2023, 6, 25)] * 2
    assert layout.stops(2000)[0] == (date(2026, 3, 20), 0)
    assert len(layout.stops(2000)) == 1000
