"""`studio doctor`: is everything this installation names really there? One line a part; 1 when any of them failed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict

from studio import config
from studio.config import Settings
from studio.doctor import backups, database, parts, surroundings
from studio.doctor.findings import Finding, failed

SECONDS = 30.0
Check = Callable[[Settings], Awaitable[list[Finding]]]

CHECKS: dict[str, Check] = {
    "data folder": surroundings.data_folder,
    "port": surroundings.port,
    "public address": surroundings.public_address,
    "front end": surroundings.front_end,
    "database": database.check,
    "file store": parts.file_store,
    "backups": backups.check,
    "redis": parts.redis,
    "generation": parts.provider,
    "mail": parts.mail,
    "sign-in": parts.sign_in,
    "operator": surroundings.placeholders,
}


async def _guarded(part: str, check: Check, ours: Settings, seconds: float) -> list[Finding]:
    """A part that hangs or fails in a way nobody thought of is one line, and hides no other."""
    try:
        return await asyncio.wait_for(check(ours), seconds)
    except TimeoutError:
        return [failed(part, f"no answer within {seconds:.0f} s", "See whether a firewall drops what is sent there.")]
    except Exception as error:  # noqa: BLE001 - its text may hold an address or a secret, so only its type is told
        return [failed(part, f"could not be checked ({type(error).__name__})", "Look at this part's settings.")]


async def examine(ours: Settings, *, seconds: float = SECONDS) -> list[Finding]:
    """Every check at once, each with at most this many seconds; in the order of the table."""
    found = await asyncio.gather(*(_guarded(part, check, ours, seconds) for part, check in CHECKS.items()))
    return [finding for each in found for finding in each]


def _use(env: Mapping[str, str]) -> None:
    """Services read the settings themselves: let them read those that are left."""
    for name in [name for name in os.environ if name not in env]:
        del os.environ[name]
    config.settings.cache_clear()


def run(say: Callable[[str], None], *, as_json: bool = False) -> int:
    """Check every part and say how each is; 1 when any of them failed."""
    ours, left, findings = surroundings.survey(os.environ)
    if ours is not None:
        _use(left)
        findings += asyncio.run(examine(ours))
    healthy = all(each.state != "failed" for each in findings)
    if as_json:
        say(json.dumps({"ok": healthy, "findings": [asdict(each) for each in findings]}, ensure_ascii=False))
    else:
        for each in findings:
            mend = f"{'' if each.found.endswith('.') else '.'} {each.mend}" if each.mend else ""
            say(f"{each.state:<8}{each.part}: {each.found}{mend}")
    return 0 if healthy else 1
