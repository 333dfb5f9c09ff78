"""Many submits at once against one cap: nothing above the cap goes through, and nothing below it is refused.

    python bench/cap_race.py --json          20 rounds each of 64 and 200 submits
    python bench/cap_race.py --json --full   200 rounds each, targets: overspend 0, false refusals 0

Two operating system processes stand for two web processes. Each has its own engine and pool, as a web process has,
and calls what a click on Generate calls: `generations.submit` in a transaction of the person. A browser in front would
only make the clicks come less close together. In a round all submits, of one to four pictures each, start at the same
moment; the cap has room for a random part of them. A refusal is false when what is left after the round, when nothing
has been given back, would have held what was refused. `one_process` is the larger race with all submits in one process,
where up to 16 have a connection and the others wait for one. The ledger's own check ends the run.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import common  # the checkout is on the path from here on
from studio import db
from studio.db import SYSTEM, Actor, transaction
from studio.services import generations, ledger
from tests import factories

LEVELS = (64, 200)
WEBS = 2
MOST_PICTURES = 4
PRICE = 40_000  # micro-USD of one picture of Seedream 4.5
HEAD_START = 0.05  # seconds until everyone has been told


@dataclass(frozen=True)
class Order:
    """A round for one process: one submit for each of `counts`, all at `at` (time.time)."""

    actor: Actor
    counts: Sequence[int]
    at: float


@dataclass(frozen=True)
class Answer:
    """What one submit came to: micro-USD held, or those refused, or the name of another error."""

    held: int = 0
    refused: int = 0
    error: str = ""
    seconds: float = 0.0


async def _submit(order: Order, count: int) -> Answer:
    began = time.monotonic()
    params = factories.image("a lake", count=count)
    try:
        async with transaction(order.actor) as session:
            sent = await generations.submit(session, actor=order.actor, params=params)
    except ledger.CapReached as reached:
        return Answer(refused=reached.needed, seconds=time.monotonic() - began)
    except Exception as error:  # noqa: BLE001  # a pool or lock that gave up is a finding, not the end of the run
        return Answer(error=type(error).__name__, seconds=time.monotonic() - began)
    return Answer(held=sent.held_micros, seconds=time.monotonic() - began)


async def _serve(pipe: Connection) -> None:
    while (order := await asyncio.to_thread(pipe.recv)) is not None:
        await asyncio.sleep(order.at - time.time())
        pipe.send(await asyncio.gather(*(_submit(order, count) for count in order.counts)))
    await db.dispose()


def web(pipe: Connection) -> None:
    """A process that submits when it is told to."""
    asyncio.run(_serve(pipe))


class Webs:
    """The two processes."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Any] = []  # pickled both ways: an Order out, its Answers back
        self._processes = []
        for _ in range(WEBS):
            ours, theirs = context.Pipe()
            self._pipes.append(ours)
            self._processes.append(context.Process(target=web, args=(theirs,)))
            self._processes[-1].start()

    def race(self, actor: Actor, counts: Sequence[int], among: int) -> list[Answer]:
        """Every submit of a round, in equal parts by `among` of the processes."""
        at = time.time() + HEAD_START
        pipes = self._pipes[:among]
        for number, pipe in enumerate(pipes):
            pipe.send(Order(actor, counts[number::among], at))
        return [answer for pipe in pipes for answer in pipe.recv()]

    def close(self) -> None:
        """Let them end."""
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join(10)
            process.kill()


@dataclass(frozen=True)
class Round:
    """What a round came to, in micro-USD."""

    answers: Sequence[Answer]
    overspend: int
    false_refusals: int
    differs: bool  # the budget's hold is not the sum of what was answered


async def _round(webs: Webs, concurrency: int, among: int = WEBS) -> Round:
    counts = [random.randint(1, MOST_PICTURES) for _ in range(concurrency)]
    cap = random.randint(1, sum(counts) - 1) * PRICE
    who = await factories.person(cap_micros=cap)
    answers = await asyncio.to_thread(webs.race, who.actor, counts, among)
    async with transaction(SYSTEM) as session:
        now = await ledger.budget(session, account_id=who.account_id)
    return Round(
        answers=answers,
        overspend=max(0, now.held + now.spent - cap),
        false_refusals=sum(0 < answer.refused <= now.left for answer in answers),
        differs=now.held != sum(answer.held for answer in answers),
    )


def _level(rounds: Sequence[Round]) -> dict[str, Any]:
    answers = [answer for each in rounds for answer in each.answers]
    slowest = [max(answer.seconds for answer in each.answers) for each in rounds]
    errors = [answer.error for answer in answers if answer.error]
    return {
        "submits": len(answers),
        "accepted": sum(answer.held > 0 for answer in answers),
        "refused": sum(answer.refused > 0 for answer in answers),
        "errors": {name: errors.count(name) for name in sorted(set(errors))},
        "overspend_micros": max(each.overspend for each in rounds),
        "false_refusals": sum(each.false_refusals for each in rounds),
        "budgets_that_differ": sum(each.differs for each in rounds),
        "wait_ms": common.summary([1000 * answer.seconds for answer in answers]),
        "round_ms": common.summary([1000 * seconds for seconds in slowest]),
        "submits_per_second": round(len(answers) / sum(slowest)),
    }


async def _race(amount: int) -> dict[str, Any]:
    webs = Webs()
    try:
        await _round(webs, WEBS)  # both are up and have a connection
        levels: dict[int, Mapping[str, Any]] = {}
        for concurrency in LEVELS:
            levels[concurrency] = _level([await _round(webs, concurrency) for _ in range(amount)])
        alone = _level([await _round(webs, LEVELS[-1], among=1) for _ in range(max(3, amount // 10))])
        async with transaction(SYSTEM) as session:
            report = await ledger.check(session)
    finally:
        webs.close()
        await db.dispose()
    return {
        "rounds": amount,
        "concurrency": list(LEVELS),
        "overspend_micros": max(level["overspend_micros"] for level in levels.values()),
        "false_refusals": sum(level["false_refusals"] for level in levels.values()),
        "errors": sum(sum(level["errors"].values()) for level in levels.values()),
        "levels": {str(concurrency): level for concurrency, level in levels.items()},
        "one_process": {"concurrency": LEVELS[-1], **alone},
        "ledger": {"entries": report.entries, "broken": report.broken, "mismatched": report.mismatched},
    }


def measure(full: bool) -> dict[str, Any]:
    """Run it: 20 rounds at each level, or 200."""
    with common.place() as place:
        common.become(place)
        return asyncio.run(_race(200 if full else 20))


if __name__ == "__main__":
    common.run("cap_race", measure, {"overspend_micros": 0, "false_refusals": 0})
