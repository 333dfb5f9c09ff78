"""How dates are written for a person: their language of dates and their time zone.

The studio itself speaks English; only dates follow this choice. Patterns and month names: Unicode CLDR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

DEFAULT = "en-GB"
UTC = ZoneInfo("UTC")
_ENGLISH = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_ENGLISH_FULL = "January February March April May June July August September October November December"


@dataclass(frozen=True)
class Style:
    """One language's way. The patterns name `d` day, `m` month by number, `b` and `B` its names, `y` year."""

    name: str  # as the list shows it
    short: str  # within this year
    dated: str  # the same in another year
    full: str
    month: str
    months: str = _ENGLISH
    full_months: str = _ENGLISH_FULL
    clock: str = "{h:02}:{min:02}"
    join: str = "{day}, {time}"
    named: str = ""  # within this year, with the month's whole name; empty: `short` with it
    weekdays: str = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
    heading: str = "{weekday} {day}"


STYLES: Mapping[str, Style] = {
    "en-GB": Style("English (UK)", "{d} {b}", "{d} {b} {y}", "{d} {B} {y}", "{B} {y}"),
    "en-US": Style(
        "English (US)",
        "{b} {d}",
        "{b} {d}, {y}",
        "{B} {d}, {y}",
        "{B} {y}",
        clock="{h12}:{min:02} {half}",
        heading="{weekday}, {day}",
    ),
    "de-DE": Style(
        "Deutsch",
        "{d}. {b}",
        "{d}. {b} {y}",
        "{d}. {B} {y}",
        "{B} {y}",
        "Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        weekdays="Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
        heading="{weekday}, {day}",
    ),
    "fr-FR": Style(
        "Français",
        "{d} {b}",
        "{d} {b} {y}",
        "{d} {B} {y}",
        "{B} {y}",
        "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        weekdays="lundi mardi mercredi jeudi vendredi samedi dimanche",
    ),
    "es-ES": Style(
        "Español",
        "{d} {b}",
        "{d} {b} {y}",
        "{d} de {B} de {y}",
        "{B} de {y}",
        "ene feb mar abr may jun jul ago sept oct nov dic",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        named="{d} de {B}",
        weekdays="lunes martes miércoles jueves viernes sábado domingo",
        heading="{weekday}, {day}",
    ),
    "sv-SE": Style(
        "Svenska",
        "{d} {b}",
        "{d} {b} {y}",
        "{d} {B} {y}",
        "{B} {y}",
        "jan. feb. mars apr. maj juni juli aug. sep. okt. nov. dec.",
        "januari februari mars april maj juni juli augusti september oktober november december",
        join="{day} {time}",
        weekdays="måndag tisdag onsdag torsdag fredag lördag söndag",
    ),
    "ja-JP": Style(
        "日本語",
        "{m}月{d}日",
        "{y}年{m}月{d}日",
        "{y}年{m}月{d}日",
        "{y}年{m}月",
        join="{day} {time}",
        weekdays="月曜日 火曜日 水曜日 木曜日 金曜日 土曜日 日曜日",
        heading="{day}{weekday}",
    ),
}


@cache
def time_zones() -> frozenset[str]:
    """Places this machine knows, such as Europe/Berlin, and UTC."""
    elsewhere = ("Etc/", "SystemV/", "US/", "posix/", "right/")
    return frozenset(
        {"UTC"} | {name for name in available_timezones() if "/" in name and not name.startswith(elsewhere)}
    )


def zone(name: str) -> ZoneInfo:
    """A time zone by its stored name; UTC when this machine does not know it."""
    return ZoneInfo(name if name in time_zones() else "UTC")


@dataclass(frozen=True)
class Dates:
    """Writes dates in one language and one time zone."""

    locale: str = DEFAULT
    zone: ZoneInfo = UTC

    @staticmethod
    def of(locale: str, time_zone: str) -> Dates:
        """From what an account stores; what is not known any more falls back."""
        return Dates(locale if locale in STYLES else DEFAULT, zone(time_zone))

    @property
    def style(self) -> Style:
        return STYLES[self.locale]

    def day(self, at: date, now: datetime | None = None) -> str:
        """ "22 Nov"; with the year when it is not this one. A datetime is seen from the time zone first."""
        local = self._local(at)
        other = now is not None and local.year != now.astimezone(self.zone).year
        return self._write(self.style.dated if other else self.style.short, local)

    def named(self, at: date) -> str:
        """ "22 November", for a sentence."""
        return self._write(self.style.named or self.style.short.replace("{b}", "{B}"), self._local(at))

    def full(self, at: date) -> str:
        """ "22 November 2026"."""
        return self._write(self.style.full, self._local(at))

    def month(self, month: date) -> str:
        """ "November 2026"."""
        return self._write(self.style.month, month)

    def moment(self, at: datetime, now: datetime | None = None) -> str:
        """ "22 Nov, 14:22"; with the year when it is not this one."""
        return self.style.join.format(day=self.day(at, now), time=self.time(at))

    def time(self, at: datetime) -> str:
        """ "14:22"."""
        local = at.astimezone(self.zone)
        return self.style.clock.format(
            h=local.hour, h12=local.hour % 12 or 12, min=local.minute, half="AM" if local.hour < 12 else "PM"
        )

    def day_of(self, at: datetime) -> date:
        """The day it is there."""
        return at.astimezone(self.zone).date()

    def heading(self, day: date, today: date) -> str:
        """ "Sunday 22 November"; with the year when it is not this one."""
        written = self.named(day) if day.year == today.year else self.full(day)
        return self.style.heading.format(weekday=self.style.weekdays.split()[day.weekday()], day=written)

    def _local(self, at: date) -> date:
        return at.astimezone(self.zone) if isinstance(at, datetime) else at

    def _write(self, pattern: str, at: date) -> str:
        short, long = self.style.months.split()[at.month - 1], self.style.full_months.split()[at.month - 1]
        return pattern.format(d=at.day, m=at.month, y=at.year, b=short, B=long)


ENGLISH = Dates()
