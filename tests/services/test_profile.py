"""A person changes their own name and dates, and sees every kind of fact that is held."""

from __future__ import annotations

import pytest
from sqlmodel import SQLModel

from studio.db import transaction
from studio.errors import ValidationError
from studio.services import dates, profile, registry, workspaces
from tests.factories import Person, image, submitted


async def read(who: Person) -> profile.Profile:
    async with transaction(who.actor) as session:
        return await profile.get(session, actor=who.actor)


async def test_a_profile_has_what_sign_in_knew(someone: Person):
    found = await read(someone)
    assert (found.email, found.time_zone) == (someone.email, "UTC")


async def test_name_and_time_zone_change_for_their_owner_only(someone: Person, other: Person):
    before = await read(other)
    async with transaction(someone.actor) as session:
        await profile.rename(session, actor=someone.actor, name="  Mira   Keßler ")
        await profile.set_time_zone(session, actor=someone.actor, time_zone="Europe/Berlin")
    found = await read(someone)
    assert (found.name, found.time_zone) == ("Mira Keßler", "Europe/Berlin")
    assert await read(other) == before


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\x00b", "two\nlines", "a\u009bb", "\ud800"])
async def test_a_name_that_does_not_fit_is_refused_and_the_old_one_stays(someone: Person, name: str):
    before = await read(someone)
    async with transaction(someone.actor) as session:
        with pytest.raises(ValidationError):
            await profile.rename(session, actor=someone.actor, name=name)
        with pytest.raises(ValidationError):
            await workspaces.create(session, actor=someone.actor, name=name)
    assert await read(someone) == before


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "europe/berlin", "UTC ", "x" * 500])
async def test_a_time_zone_is_one_of_the_list(someone: Person, zone: str):
    async with transaction(someone.actor) as session:
        with pytest.raises(ValidationError, match="from the list"):
            await profile.set_time_zone(session, actor=someone.actor, time_zone=zone)


def test_a_zone_this_machine_does_not_know_is_shown_as_utc():
    assert dates.zone("Nowhere/Else").key == "UTC"
    assert dates.zone("Asia/Tokyo").key == "Asia/Tokyo"


def test_every_table_that_concerns_a_person_is_in_the_glance_with_a_reason_and_an_end():
    facts = profile.facts()
    told = {fact.table for fact in facts}
    for table in SQLModel.metadata.sorted_tables:
        personal = [
            column
            for column in table.columns
            if column.info["held"].category != "technical" and not (column.name == "id" or column.name.endswith("_id"))
        ]
        said = registry.TABLES.get(table.name, table.name.replace("_", " "))
        assert bool(personal) == (said in told), table.name
    assert all(fact.what and fact.why and fact.leaves for fact in facts)
    ledger = next(fact for fact in facts if fact.table == "ledger")
    assert ledger.leaves == "Cut loose from you, the rest kept 7 years"
    sessions = [fact for fact in facts if fact.table == "sessions"]
    assert {"name", "created", "seen"} <= {word for fact in sessions for word in fact.what}


async def test_the_glance_counts_the_persons_own_rows(someone: Person, other: Person):
    await submitted(someone, image(count=3))
    await submitted(other, image(count=2))
    async with transaction(someone.actor) as session:
        mine = await profile.counts(session, actor=someone.actor)
    expected = {"profile": 1, "workspaces": 1, "sessions": 1, "requests": 1, "outputs in the making": 3, "ledger": 3}
    assert {said: mine[said] for said in expected} == expected
    assert mine["linked ways to sign in"] == 0
    assert "request log" not in mine, "its rows name nobody"


async def test_the_language_of_dates_is_one_of_the_list(someone: Person):
    async with transaction(someone.actor) as session:
        await profile.set_date_locale(session, actor=someone.actor, locale="de-DE")
        for wrong in ("", "de", "de-de", "xx-XX", "en-GB'; DROP TABLE accounts --"):
            with pytest.raises(ValidationError, match="from the list"):
                await profile.set_date_locale(session, actor=someone.actor, locale=wrong)
    assert (await read(someone)).date_locale == "de-DE"
