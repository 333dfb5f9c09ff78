"""Accounts with a canary in every text column and file are deleted in all the ways life has; then it is looked for.

    python bench/erasure.py --json          39 people, 40 kills, 400 races
    python bench/erasure.py --json --full   1,000 people, 1,000 kills, 10,000 races

Each person is one of the edge cases of the contract (tests/erasebench.py). The database's clock is moved: a minute
before their 72 hours are over nobody may go, after a step back neither. Then workers purge, and each is killed with
kill -9: at every boundary between two statements or calls of the object store in turn, and now and then at a random
moment. Then a real web and worker process delete people whose pages are open, with pages kept in files and in Redis;
the worker is down for three days once; and a bucket with versions is emptied on a real S3 server.

    canary_hits     canaries or account ids left in: the dump, every object and version, logs, queue and mails, Redis,
                    framework state, the data folder, and a restored backup from before
    double_winners  races of "keep my account" against the end of the countdown that had two winners, or none
    early           deletions that began before their 72 hours were over
    late_max_s      seconds from the end of a countdown, or from the start of the worker, to its deletion
    unconverged     deletions that did not end, or not with exactly one receipt of a true signature
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import text

from bench import common  # the checkout is on the path from here on
from studio import config, db
from studio.config import settings
from studio.db import SYSTEM, transaction
from studio.errors import Conflict, NotFound
from studio.jobs import upkeep
from studio.jobs.mailing import Mailer
from studio.jobs.provider import SharedLimiter, connect
from studio.runtime import journal, storage
from studio.services import accounts, assets, attempts, erasure, orphans, purge, sessions
from studio.services.backups import crypt, restoring, taking, tools
from studio.services.byteplus.params import VideoParams
from studio.services.byteplus.requests import VideoRequest
from studio.services.exports import archives
from studio.services.storage import open_storage
from tests.backups import empty
from tests.erasebench import CASES, Filler, Life, in_dump, in_files, in_objects, leaving, life
from tests.factories import Person, person
from tests.fixtures_mail import Postbox, serve
from tests.services.retentionbench import Clock
from tests.system import System

BYSTANDERS = 3
RANDOM_EVERY = 4  # of the kills comes one at a random moment
TOGETHER = 2  # accounts of a worker that is killed at a random moment
REST_EVERY = 3  # of the kills is followed by a worker that lives; before that the same account is killed again
WAVE = 40  # races at once
COUNTDOWN = timedelta(hours=erasure.HOURS)
ANSWERS = {"canary_hits": 0, "double_winners": 0, "early": 0, "late_max_s": 900, "unconverged": 0, "orphans": 0}


class Purger:
    """Worker processes, one at a time (bench/purger.py). `settings`: of theirs alone."""

    def __init__(self, **settings: str) -> None:
        self.settings = settings

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("purger.py"))],
            env=os.environ | self.settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    async def work(self, **how: Any) -> dict[str, Any]:
        """One worker: until it has nothing to do, or dies."""
        return await asyncio.to_thread(self._work, how)

    def _work(self, how: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(how)}\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        if "error" in told:
            sys.exit(f"a worker ended with {told['error']}")
        return told


@asynccontextmanager
async def held() -> AsyncIterator[int]:
    """The lock of a worker that lives, for what this process does as one."""
    lock = secrets.randbits(62)
    async with db.engine("sys").connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": lock})
        await connection.commit()
        yield lock
        await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": lock})


async def kill(purger: Purger, kills: int) -> dict[str, Any]:
    """Purge who is due, one after the other, each killed once or more before; all that is left at the end."""
    least = (await purger.work(most=1))["passed"]
    hit: Counter[int | str] = Counter()
    number = 0
    while sum(hit.values()) < kills:
        number += 1
        if number % RANDOM_EVERY == 0:
            told = await purger.work(after=random.uniform(0.01, 0.6), most=TOGETHER)
            hit["random"] += told["killed"]
        else:
            at = number % (least + 40) + 1  # some accounts take more steps than the first one did
            told = await purger.work(at=at, most=1)
            hit[at] += told["killed"]
        if not told["killed"] and not told["fired"]:
            break  # everybody is gone
        if number % REST_EVERY == 0:
            await purger.work(most=1)
        if number % 100 == 0:
            common.say(f"{sum(hit.values())} kills")
    await purger.work()
    return {"kills": sum(hit.values()), "at_random": hit.pop("random", 0), "boundaries": len(+hit), "of": least}


async def at_the_provider(everybody: Sequence[Life]) -> None:
    """Clips that the simulator really has a record of."""
    client = connect(settings(), SharedLimiter(settings().ark_tier))
    for each in everybody:
        if each.case == "one at the provider":
            params = VideoParams(
                model="seedance-1-0-pro-fast-251015", prompt="a lake", resolution="480p", ratio="16:9", duration=2
            )
            ident = str(each.generations[0])
            task = await client.create_task(VideoRequest(params=params, attempt_id=ident, safety_identifier=ident))
            async with transaction(SYSTEM) as session:
                await session.execute(
                    text("UPDATE generations SET task_id = :task WHERE id = :id"),
                    {"task": task, "id": each.generations[0]},
                )
    await client.aclose()


async def countdown(everybody: Sequence[Life], clock: Clock, purger: Purger) -> int:
    """72 hours with steps forward and back, in which nobody goes; who keeps the account in the last second, does.

    Returns how many went too early. At the end it is a minute past the time of all who did not begin again.
    """
    start, early = clock.at, 0
    for each in everybody:
        if each.case != "down at the due time":
            await leaving(each)
    clock.move(start + timedelta(hours=1))
    for each in everybody:
        if each.case == "down at the due time":
            await leaving(each)
    for hours in (71.9, 30, 71.98):
        clock.move(start + timedelta(hours=hours))
        early += len((await purger.work())["fired"])
    for each in everybody:
        if each.case == "cancelled in the last second":
            async with transaction(SYSTEM) as session:
                due = await session.scalar(
                    text("SELECT due_at FROM erasures WHERE account_id = :id AND state = 'waiting'"),
                    {"id": each.who.account_id},
                )
                clock.move(due - timedelta(seconds=1))
                await erasure.cancel(session, actor=each.who.actor)
    clock.move(start + timedelta(hours=71.98))
    early += len((await purger.work())["fired"])
    for each in everybody:
        if each.case == "cancelled in the last second":
            await leaving(each)  # and then goes all the same
    clock.move(start + COUNTDOWN + timedelta(minutes=2))
    return early


async def afterwards(everybody: Sequence[Life], purger: Purger) -> int:
    """What the edge cases still try once all are gone: a late result, a link, an old session. Returns what worked."""
    worked = 0
    for each in everybody:
        async with transaction(SYSTEM) as session:
            worked += await sessions.identify(session, token=each.who.token) is not None
            if each.export_id is not None:
                try:
                    await archives.download(session, actor=each.who.actor, export_id=each.export_id, part=1)
                    worked += 1
                except NotFound:
                    pass
        if each.case == "a job in flight":
            late = each.generations[0]
            objects = await assets.write_objects(
                storage(), owner=late, data=each.word.encode(), mime="image/png", thumbnails={256: each.word.encode()}
            )
            async with transaction(SYSTEM) as session:
                worked += await attempts.wants_result(session, generation_id=late)
                await purge.note_removals(session, keys=[objects["key"], *objects["thumbnails"].values()])
    await purger.work()
    return worked


async def same_again(everybody: Sequence[Life]) -> int:
    """Signing up again with the same address: how many found something of the old account."""
    found = 0
    for each in everybody:
        if each.case == "the same identity again":
            async with transaction(SYSTEM) as session:
                again = await accounts.ensure(session, email=each.who.email)
                found += again == each.who.account_id
                found += await session.scalar(
                    text(
                        "SELECT (SELECT count(*) FROM assets WHERE account_id = :id) + "
                        "(SELECT count(*) FROM batches WHERE account_id = :id)"
                    ),
                    {"id": again},
                )
                await session.execute(text("DELETE FROM accounts WHERE id = :id"), {"id": again})
    return int(found)


async def receipts(post: Postbox, people: Sequence[Person]) -> int:
    """Send the mail that waits, sweep, and count who did not get exactly one receipt that verifies."""
    async with held() as lock:
        while True:
            await Mailer(lock=lock).run()
            async with transaction(SYSTEM) as session:
                if not await session.scalar(
                    text("SELECT count(*) FROM mails WHERE state IN ('queued', 'sending') AND due_at <= studio_now()")
                ):
                    break
    await upkeep.run()
    told: Counter[str] = Counter()
    for recipient, letter in post.received:
        body = letter.get_body(("plain",))
        told[recipient] += "Receipt" in str(body.get_content() if body else "")
    wrong = sum(told[each.email] != 1 for each in people)
    async with transaction(SYSTEM) as session:
        open_still = await session.scalar(
            text("SELECT count(*) FROM erasures WHERE state = 'purging' OR account_id = ANY(:ids)"),
            {"ids": [each.account_id for each in people]},
        )
        there = await session.scalar(
            text("SELECT count(*) FROM accounts WHERE id = ANY(:ids)"), {"ids": [each.account_id for each in people]}
        )
    return wrong + int(open_still) + int(there)


async def races(amount: int) -> dict[str, int]:
    """Keep against go, at the last moment: each has one winner, and none begins before its time."""
    people = [await person() for _ in range(WAVE)]
    ids = [each.account_id for each in people]
    done, double, early, kept_count = 0, 0, 0, 0
    async with held() as lock:
        while done < amount:
            async with transaction(SYSTEM) as session:
                await session.execute(text("DELETE FROM erasures WHERE account_id = ANY(:ids)"), {"ids": ids})
                await session.execute(
                    text("UPDATE accounts SET email = id || '@example.org' WHERE id = ANY(:ids)"), {"ids": ids}
                )
                await session.execute(
                    text(
                        "INSERT INTO erasures (id, account_id, due_at) SELECT gen_random_uuid(), id, "
                        "studio_now() + random() * interval '400 ms' FROM unnest(CAST(:ids AS uuid[])) id"
                    ),
                    {"ids": ids},
                )
            over = asyncio.Event()
            firing = [asyncio.create_task(_fires(lock, over)) for _ in range(3)]
            kept = dict(zip(ids, await asyncio.gather(*map(_keeps, people)), strict=True))
            over.set()
            gone = Counter([each for found in await asyncio.gather(*firing) for each in found])
            double += sum(int(kept[each]) + gone[each] != 1 for each in ids)
            kept_count += sum(kept.values())
            async with transaction(SYSTEM) as session:
                early += int(await session.scalar(text("SELECT count(*) FROM erasures WHERE fired_at < due_at")) or 0)
                double += int(
                    await session.scalar(
                        text(
                            "SELECT count(*) FROM erasures WHERE account_id = ANY(:ids) "
                            "AND (state = 'cancelled') <> (account_id = ANY(:kept))"
                        ),
                        {"ids": ids, "kept": [each for each, won in kept.items() if won]},
                    )
                    or 0
                )
            done += WAVE
    async with transaction(SYSTEM) as session:
        await session.execute(text("DELETE FROM erasures WHERE account_id = ANY(:ids)"), {"ids": ids})
    return {"races": done, "double_winners": double, "early": early, "races_kept": kept_count}


async def _fires(lock: int, over: asyncio.Event) -> list[UUID]:
    found = []
    while True:
        last = over.is_set()
        async with transaction(SYSTEM) as session:
            one = await erasure.fire(session, worker_lock=lock)
        if one is not None:
            found.append(one.account_id)
        elif last:
            return found
        else:
            await asyncio.sleep(0.002)


async def _keeps(who: Person) -> bool:
    await asyncio.sleep(random.uniform(0, 0.4))
    try:
        async with transaction(SYSTEM) as session:
            await erasure.cancel(session, actor=who.actor)
    except Conflict:
        return False
    return True


async def alone() -> int:
    """Objects without rows and rows without objects, of everything that is left."""
    async with transaction(SYSTEM) as session:
        found = await orphans.scan(session, storage=storage())
    return len(found.objects) + len(found.rows)


async def restored(place: common.Place, backups: Path, keys: tuple[str, str], words: set[str]) -> Counter[str]:
    """What a backup from before brings back of those who are gone, once its worker has asked the provider as well."""
    url, objects = empty(place.url), open_storage(place.folder / "restored")
    target = restoring.Target(url, objects, journal())
    await restoring.restore(target, open_storage(backups), wanted="latest", identities=[keys[0]])
    with Purger(DATABASE_URL=url) as worker:
        await worker.work()
    found = in_dump(url) + await in_objects(objects)
    return Counter({word: count for word, count in found.items() if word in words})


async def looked(place: common.Place, words: set[str], ids: Sequence[str]) -> dict[str, int]:
    """Everywhere that something may be left, how much of these people is: {place: hits}."""
    await tools.let_system_read_all(place.url)
    data = place.folder / "data"
    places = {
        "dump": in_dump(place.url, ids),
        "objects": await in_objects(storage()),
        "data_folder": in_files([data]),
        # The simulator stands for the provider here: an instant one remembers what it was sent.
        "logs": in_files([place.folder / "system", *place.server.home.root.glob("log*")], without="simulator.sqlite"),
    }
    return {
        name: sum(count for word, count in found.items() if word in words or word in ids)
        for name, found in places.items()
    }


async def _measure(place: common.Place, full: bool, post: Postbox) -> dict[str, Any]:
    from bench import erasure_running  # it needs what is defined here

    amount, wanted, raced = (1_000, 1_000, 10_000) if full else (39, 40, 400)
    clock, filler = Clock(place.url), Filler(place.url)
    clock.move(datetime.now(UTC))
    keys, backups = crypt.new_pair(), place.folder / "backups"
    async with held() as lock:
        everybody = []
        for number in range(amount):
            everybody.append(await life(number, filler, lock=lock))
            if number % 100 == 99:
                common.say(f"{number + 1} people")
        bystanders = [await life(number, filler, lock=lock) for number in range(BYSTANDERS)]
    await at_the_provider(everybody)
    words, ids = {each.word for each in everybody}, [str(each.who.account_id) for each in everybody]
    before = await looked(place, words, ids)
    common.say(f"before: {before}")
    source = taking.Source(place.url, storage(), journal(), settings().secret_key)
    async with taking.alone(place.url):
        await taking.take(source, open_storage(backups), recipient=keys[1], days=30)
    with Purger() as purger:
        start = clock.at
        early = await countdown(everybody, clock, purger)
        killed = await kill(purger, wanted)
        clock.move(start + 2 * COUNTDOWN + timedelta(hours=1, minutes=1))  # three days down
        again = await kill(purger, wanted - killed["kills"])
        worked = await afterwards(everybody, purger)
    unconverged = await receipts(post, [each.who for each in everybody])
    after = await looked(place, words, ids)
    after["restored_backup"] = (await restored(place, backups, keys, words)).total()
    kept = in_dump(place.url) + await in_objects(storage())
    async with transaction(SYSTEM) as session:
        early += int(await session.scalar(text("SELECT count(*) FROM erasures WHERE fired_at < due_at")) or 0)
    worked += await same_again(everybody)
    common.say(f"after: {after}")
    race = await races(raced)
    running = await erasure_running.measure(place, clock, filler, post, full=full)
    left = {**after, **running.pop("left")}
    clock.close()
    filler.connection.close()
    return {
        "purges": len(everybody) + running["purges"],
        "canary_hits": sum(left.values()),
        "races": race["races"],
        "double_winners": race["double_winners"],
        "early": early + race["early"] + running["early"],
        "late_max_s": max(running["late_running_s"], running["late_after_3_days_down_s"]),
        "kills": killed["kills"] + again["kills"],
        "unconverged": unconverged + running["unconverged"],
        "orphans": await alone() + running["orphans"],
        "hits_before": {**before, **running["before"]},
        "hits_after": left,
        "columns": len(filler.taken or ()),
        "columns_of_fixed_words": filler.closed,
        "cases": dict(Counter(each.case for each in everybody)),
        "worked_afterwards": worked,
        "bystanders_lost": sum(kept[each.word] == 0 for each in bystanders),
        "kills_at": {"first": killed, "after_3_days": again},
        "races_kept": race["races_kept"],
        "late_running_s": running["late_running_s"],
        "late_after_3_days_down_s": running["late_after_3_days_down_s"],
        "s3_versions": running["s3_versions"],
    }


def measure(full: bool) -> dict[str, Any]:
    """Run it: 39 people, or 1,000."""
    post = Postbox()
    controller = serve(post)
    with common.place() as place:
        common.become(place)
        lab = System(folder=place.folder / "provider", database_url=place.url, webs=0, workers=0)
        lab.folder.mkdir()
        lab.start_simulator()
        os.environ |= {
            "STUDIO_SIMULATOR_URL": lab.simulator_url,
            "SMTP_URL": f"smtp://127.0.0.1:{post.port}",
            "SMTP_FROM": "studio@studio.example.org",
        }
        config.settings.cache_clear()

        async def all_of_it() -> dict[str, Any]:
            try:
                return await _measure(place, full, post)
            finally:
                await db.dispose()

        try:
            return asyncio.run(all_of_it())
        finally:
            lab.stop()
            controller.stop()


if __name__ == "__main__":
    assert len(CASES) == 13
    common.run("erasure", measure, ANSWERS)
