"""kill -9 of the worker, again and again: nothing is lost, sent twice, or held without a reason.

    python bench/kill_worker.py --json          5 kills in each of four states
    python bench/kill_worker.py --json --full   20 kills in each, targets: all zero

Pictures and clips are brought into a state and kept there with the simulator's faults: `queued` by taking away the
tokens that a claimed row waits for, `submitting` by an answer that comes late, `running` by a task that is held,
`storing` by downloads that fail. Then the worker is killed where it stands and the next one is started. A few
requests are answered by nobody (`lost`), refused at first (429) or cut short on the way. After the last kill one
worker is left alone; what it does not know about is resolved by the 24-hour rule, on the database's clock.

    lost          a generation that never ended, that succeeded without its file, or a clip that was made and not kept
    sent_twice    a generation of which the simulator accepted more than one POST
    orphan_holds  reservations and rows that disagree, at any kill or in the end: a hold without a live row, a row that
                  ended with its hold open, closed twice, or closed with another amount
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import common  # the checkout is on the path from here on
from studio import db
from studio.db import Actor
from studio.services import accounts, generations, ledger, sessions
from studio.services.byteplus.params import ImageParams, Params, VideoParams
from tests.system import System

IMAGE_MODEL = "seedream-4-0-250828"
VIDEO_MODEL = "seedance-1-0-pro-fast-251015"
BUCKETS = (f"IPM:{IMAGE_MODEL}", f"POST:{VIDEO_MODEL}")
STATES = ("queued", "submitting", "running", "storing")
HOLDS = {"queued": "", "submitting": "[[sim:slow=6]]", "running": "[[sim:hold]]", "storing": "[[sim:flaky_download=2]]"}
EXTRAS = ("[[sim:lost]]", "[[sim:429*1]]", "[[sim:cut_download=1]]")
MORE_THAN_A_DAY = 25 * 3600
PATIENCE = 60.0
TOGETHER = 3.5  # seconds that the first row waits for the others to join it in a state
SETTLING = 240.0
Condition = Callable[[], Awaitable[bool]]

_DISAGREE = """
SELECT count(*) AS n FROM generations g FULL JOIN (
  SELECT reservation, count(*) FILTER (WHERE kind = 'reserve') AS opened,
    count(*) FILTER (WHERE kind IN ('settle', 'release')) AS closed,
    sum(amount_micros) FILTER (WHERE kind = 'reserve') AS held,
    coalesce(sum(amount_micros) FILTER (WHERE kind = 'settle'), 0) AS charged
  FROM ledger_entries GROUP BY reservation) e ON e.reservation = g.id
WHERE g.id IS NULL OR e.reservation IS NULL OR e.opened <> 1 OR e.held <> g.reserved_micros
  OR e.closed <> (CASE WHEN g.ended_at IS NULL THEN 0 ELSE 1 END) OR e.charged <> coalesce(g.charged_micros, 0)
"""
_HELD = """
SELECT coalesce(sum(held_micros), 0)::bigint - (SELECT coalesce(sum(reserved_micros), 0) FROM generations
  WHERE ended_at IS NULL)::bigint AS n FROM budgets
"""


class NotReachedError(Exception):
    """Rows did not come into a state, or out of it, in time."""


class WorkerEndedError(Exception):
    """The worker ended by itself."""


@dataclass
class Books:
    """The database under test, through engines of its own, so that the process's settings may point elsewhere."""

    url: str
    actor: Actor = field(init=False)
    numbers: int = 0

    def __post_init__(self) -> None:
        self._engines: dict[db.Role, AsyncEngine] = {
            role: create_async_engine(
                db.sqlalchemy_url(self.url), connect_args={"options": db.role_options(role)}, pool_size=2
            )
            for role in ("app", "sys")
        }

    @asynccontextmanager
    async def transaction(self, actor: Actor | None = None) -> AsyncIterator[AsyncSession]:
        """As `db.transaction`: of a person, or without one of the system."""
        async with AsyncSession(self._engines["app" if actor else "sys"]) as session, session.begin():
            if actor is not None:
                await session.execute(
                    text("SELECT set_config('studio.account', :account, true)"), {"account": str(actor.account_id)}
                )
            yield session

    async def open(self) -> None:
        """Somebody with an ample cap."""
        async with self.transaction() as session:
            account_id = await accounts.ensure(session, email="kill@example.org")
            await session.execute(text("UPDATE accounts SET cap_micros = 400000000"))
            identity = await sessions.identify(session, token=await sessions.start(session, account_id=account_id))
        assert identity is not None
        self.actor = identity.actor

    async def close(self) -> None:
        """Close the connections."""
        for engine in self._engines.values():
            await engine.dispose()

    async def submit(self, kind: str, tag: str) -> UUID:
        """One picture or clip; the number in its prompt tells its requests from all others."""
        self.numbers += 1
        prompt = f"kill {self.numbers} {tag}"
        params: Params = ImageParams(model=IMAGE_MODEL, prompt=prompt, size="1K")
        if kind == "video":
            params = VideoParams(model=VIDEO_MODEL, prompt=prompt, resolution="480p", ratio="16:9", duration=2)
        async with self.transaction(self.actor) as session:
            sent = await generations.submit(session, actor=self.actor, params=params)
        return sent.generation_ids[0]

    async def rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """Rows of a statement, as the system."""
        async with self.transaction() as session:
            return (await session.execute(text(statement), values)).all()

    async def number(self, statement: str, **values: Any) -> int:
        """The one number of a statement."""
        return int((await self.rows(statement, **values))[0].n)

    async def disagreements(self) -> int:
        """Reservations that do not fit their rows, at this instant; one more when the budget's hold does not fit."""
        return await self.number(_DISAGREE) + (await self.number(_HELD) != 0)

    async def take_tokens(self, seconds: float) -> None:
        """Leave the provider's buckets empty for a while; 0 fills them."""
        tokens = -seconds * 10 if seconds else 100
        for key in BUCKETS:
            await self.number(
                "INSERT INTO provider_buckets (key, tokens) VALUES (:key, :tokens) ON CONFLICT (key) DO UPDATE "
                "SET tokens = :tokens, refilled_at = clock_timestamp() RETURNING 0 AS n",
                key=key,
                tokens=tokens,
            )

    def move_clock(self, seconds: float) -> None:
        """Let the database's clock run ahead; only its owner may."""
        with psycopg.connect(self.url) as connection:
            connection.execute("INSERT INTO studio_clock VALUES (true, %s)", (seconds,))


async def until(condition: Condition, seconds: float, what: str, step: float = 0.02) -> None:
    """Await `condition()` until it holds. Raises NotReachedError naming `what`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await condition():
            return
        await asyncio.sleep(step)
    raise NotReachedError(f"not within {seconds:.0f} s: {what}")


@dataclass
class Outcome:
    """What a run came to."""

    kills: Counter[str] = field(default_factory=Counter)  # by the state that rows were in
    killed: Counter[str] = field(default_factory=Counter)  # rows in that state at those kills
    missed: int = 0  # kills that came too late for the state they were meant for
    orphan_holds: int = 0
    lost: int = 0
    sent_twice: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    generations: int = 0
    posts: int = 0
    accepted: int = 0
    held_micros: int = 0
    ledger: ledger.ChainReport | None = None


_IN_STATE = """
SELECT count(*) AS n FROM generations
WHERE id = ANY(:ids) AND state = :state AND (worker_lock IS NOT NULL OR state = 'running')
"""


class Killer:
    """Brings rows into a state and kills the worker there."""

    def __init__(self, system: System, books: Books) -> None:
        self.system, self.books, self.outcome = system, books, Outcome()

    async def kill_in(self, state: str, extra: str) -> None:
        """One kill, and the start of the next worker. Counted when a row was in that state as the worker died."""
        books, part = self.books, self.system.worker[0]
        if state == "queued":
            await books.take_tokens(30)
        kinds = ("video",) if state == "running" else ("image", "video")
        ids = [await books.submit(kind, HOLDS[state]) for kind in kinds]
        if extra:
            await books.submit(random.choice(("image", "video")), extra)
        await self._wait_for(state, ids)
        await asyncio.sleep(random.uniform(0, 0.1))
        part.kill()
        await self._count(state, ids)
        if state == "queued":
            await books.take_tokens(0)
        elif state == "running":
            self.system.ask_simulator("/_sim/release", {})
        part.start()

    async def _wait_for(self, state: str, ids: Sequence[UUID]) -> None:
        """Until all of the rows are in the state, or some have been for a while: the slower ones may be too slow."""
        since = 0.0

        async def there() -> bool:
            nonlocal since
            self._still_runs()
            found = await self.books.number(_IN_STATE, ids=ids, state=state)
            since = (since or time.monotonic()) if found else 0.0
            return found == len(ids) or (found > 0 and time.monotonic() - since > TOGETHER)

        try:
            await until(there, PATIENCE, f"rows are {state}")
        except NotReachedError as error:
            rows = await self.books.rows("SELECT kind, state, tries FROM generations WHERE id = ANY(:ids)", ids=ids)
            raise NotReachedError(f"{error}; they are {rows}\n{self.system.worker[0].tail()}") from None

    def _still_runs(self) -> None:
        """Nobody killed this one: a worker that ends by itself is a finding."""
        part = self.system.worker[0]
        if part.process is not None and part.process.poll() is not None:
            raise WorkerEndedError(f"exit code {part.process.returncode}\n{part.tail()}")

    async def _count(self, state: str, ids: Sequence[UUID]) -> None:
        caught = await self.books.number(_IN_STATE, ids=ids, state=state)
        if caught:
            self.outcome.kills[state] += 1
            self.outcome.killed[state] += caught
        else:
            self.outcome.missed += 1
        self.outcome.orphan_holds += await self.books.disagreements()

    async def settle(self) -> None:
        """Leave the last worker alone, then let a day pass, until nothing moves any more."""

        async def only_unknown() -> bool:
            self._still_runs()
            # A held task of a clip whose answer was lost is found later: let go of whatever is held by then.
            self.system.ask_simulator("/_sim/release", {})
            return not await self.books.number(
                "SELECT count(*) AS n FROM generations WHERE ended_at IS NULL AND state <> 'unknown'"
            )

        async def all_ended() -> bool:
            return await only_unknown() and not await self.books.number(
                "SELECT count(*) AS n FROM generations WHERE ended_at IS NULL"
            )

        await self._left_alone(only_unknown, "the worker finished what it could")
        self.outcome.orphan_holds += await self.books.disagreements()
        self.books.move_clock(MORE_THAN_A_DAY)
        await self._left_alone(all_ended, "the 24-hour rule ended the rest")

    async def _left_alone(self, condition: Condition, what: str) -> None:
        try:
            await until(condition, SETTLING, what, step=0.25)
        except NotReachedError as error:
            common.say(f"{error}\n{self.system.worker[0].tail()}")  # what did not end is counted as lost

    async def judge(self) -> Outcome:
        """Compare the rows, the ledger, the files and what the simulator saw."""
        outcome, stats = self.outcome, self.system.ask_simulator("/_sim/stats")
        sent = Counter(_number(post["prompt"]) for post in stats["requests"] if post["accepted"])
        outcome.posts, outcome.accepted = stats["posts"], stats["accepted"]
        outcome.sent_twice = sum(times > 1 for times in sent.values())
        rows = await self.books.rows(
            "SELECT g.id, g.kind, g.state, b.prompt, a.object_key, a.size_bytes FROM generations g "
            "JOIN batches b ON b.id = g.batch_id LEFT JOIN assets a ON a.generation_id = g.id"
        )
        outcome.generations = len(rows)
        outcome.ends = dict(Counter(row.state for row in rows))
        outcome.lost = sum(self._is_lost(row, sent[_number(row.prompt)]) for row in rows)
        outcome.orphan_holds += await self.books.disagreements()
        outcome.held_micros = await self.books.number("SELECT coalesce(sum(held_micros), 0) AS n FROM budgets")
        async with self.books.transaction() as session:
            outcome.ledger = await ledger.check(session)
        return outcome

    def _is_lost(self, row: Any, accepted: int) -> bool:
        """A picture whose answer nobody read cannot be looked up: it is settled, which is not lost."""
        if row.state == "succeeded":
            file = self.system.folder / "data" / "objects" / row.object_key
            return accepted == 0 or not file.is_file() or file.stat().st_size != row.size_bytes
        if row.state == "settled":
            return row.kind == "video"
        return row.state != "failed" or accepted > 0


def _number(prompt: str) -> int:
    found = re.search(r"kill (\d+)", prompt)
    assert found is not None, prompt
    return int(found[1])


async def kill_loop(system: System, *, times: int) -> Outcome:
    """`times` kills in each of the four states, then the reckoning. `system` runs one worker."""
    books = Books(system.database_url)
    try:
        await books.open()
        killer = Killer(system, books)
        number = 0
        while any(killer.outcome.kills[state] < times for state in STATES) and killer.outcome.missed <= 4 * times:
            for state in STATES:
                if killer.outcome.kills[state] < times:
                    await killer.kill_in(state, EXTRAS[number // 2 % len(EXTRAS)] if number % 2 else "")
                    number += 1
        await killer.settle()
        return await killer.judge()
    finally:
        await books.close()


def measure(full: bool) -> dict[str, Any]:
    """Run it: 5 kills in each state, or 20."""
    with common.place() as place:
        common.become(place)
        with System(folder=place.folder / "system", database_url=place.url, webs=0) as system:
            outcome = asyncio.run(kill_loop(system, times=20 if full else 5))
    report = outcome.ledger
    assert report is not None
    return {
        "kills": outcome.kills.total(),
        "lost": outcome.lost,
        "sent_twice": outcome.sent_twice,
        "orphan_holds": outcome.orphan_holds,
        "kills_by_state": dict(outcome.kills),
        "rows_in_state_at_kill": dict(outcome.killed),
        "missed": outcome.missed,
        "generations": outcome.generations,
        "ends": outcome.ends,
        "posts": outcome.posts,
        "accepted": outcome.accepted,
        "held_micros_in_the_end": outcome.held_micros,
        "ledger": {"entries": report.entries, "broken": report.broken, "mismatched": report.mismatched},
    }


if __name__ == "__main__":
    common.run("kill_worker", measure, {"lost": 0, "sent_twice": 0, "orphan_holds": 0})
