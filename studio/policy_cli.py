"""`studio policy`: what an operator does with the public texts. Each answer is a line or two a person can read."""

from __future__ import annotations

import argparse
import asyncio
import difflib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime

from studio.db import SYSTEM, transaction
from studio.errors import NotFound, StudioError, ValidationError
from studio.legal import texts
from studio.links import KINDS
from studio.services import policies, policy_notices
from studio.services.policies import Version

Say = Callable[[str], None]


def run(arguments: argparse.Namespace, say: Say, complain: Say) -> int:
    """Do what was asked; 2 with a sentence when it cannot be done."""
    commands: dict[str, Callable[[argparse.Namespace, Say], Awaitable[None]]] = {
        "list": _list,
        "show": _show,
        "diff": _diff,
        "publish": _publish,
    }
    try:
        asyncio.run(commands[arguments.what](arguments, say))  # type: ignore[arg-type]  # each is a coroutine function
    except NotFound:
        complain("studio policy: there is no such version; `studio policy list` names them")
        return 2
    except StudioError as error:
        complain(f"studio policy {arguments.what}: {error.message}")
        return 2
    return 0


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()


async def _list(arguments: argparse.Namespace, say: Say) -> None:
    async with transaction(SYSTEM) as session:
        for kind in [arguments.kind] if arguments.kind else KINDS:
            found = await policies.history(session, kind=kind)
            for version in found:
                say(_line(version, policies.current(found)))
                if version.in_force_at is None:
                    told = await policy_notices.progress(session, version=version)
                    parts = [f"{number} {outcome}" for outcome, number in sorted(told.outcomes.items())]
                    say(f"    told: {', '.join([*parts, f'{told.missing} still to be told'])}")


def _line(version: Version, current: Version) -> str:
    if version.in_force_at is None:
        state = f"takes effect {_day(version.effective_at)}"
        state += f" (announced for {_day(version.announced_for)})" if version.moves else ""
    else:
        state = f"in effect since {_day(version.in_force_at)}" if version is current else "replaced"
    published = f"{version.kind} {version.number}: published {_day(version.published_at)}"
    return f"{published}, {state}, sha256 {version.sha256[:16]}"


async def _one(arguments: argparse.Namespace) -> tuple[Version, Sequence[Version]]:
    """The version that was named, else the newest, and the older ones."""
    async with transaction(SYSTEM) as session:
        found = await policies.history(session, kind=arguments.kind)
    try:
        wanted = texts.number(arguments.version) if arguments.version else found[0].number
    except texts.TextError as error:
        raise ValidationError(str(error)) from None
    named = next((each for each in found if each.number == wanted), None)
    if named is None:
        raise NotFound
    return named, [each for each in found if each.number < wanted]


async def _show(arguments: argparse.Namespace, say: Say) -> None:
    version, _ = await _one(arguments)
    say(version.text.source)


async def _diff(arguments: argparse.Namespace, say: Say) -> None:
    version, older = await _one(arguments)
    if not older:
        say(f"{version.kind} {version.number} is the first version.")
        return
    before, after = (each.text.source.splitlines() for each in (older[0], version))
    names = (f"{version.kind} {older[0].number}", f"{version.kind} {version.number}")
    for line in difflib.unified_diff(before, after, *names, lineterm=""):
        say(line)


async def _publish(arguments: argparse.Namespace, say: Say) -> None:
    try:
        effective = date.fromisoformat(arguments.effective)
    except ValueError:
        raise ValidationError(f"--effective: expected a date such as 2026-12-24, got {arguments.effective!r}") from None
    try:
        source = arguments.file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(f"{arguments.file} cannot be read, {type(error).__name__}") from None
    async with transaction(SYSTEM) as session:
        made = await policies.publish(session, source=source, effective=effective)
    say(f"{made.title} {made.number} is published and takes effect on {_day(made.effective_at)}, sha256 {made.sha256}.")
    say("Every account is told by mail now. The day moves if somebody has not been told 14 days before it.")
