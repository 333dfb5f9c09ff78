"""Pages of the library follow what happens elsewhere, and what happened while the process heard nothing."""

from __future__ import annotations

import psycopg

from tests.factories import IMAGE_MODEL
from tests.http.people import Guest, eventually, rows, until
from tests.http.wire import HYDRATE, LIBRARY, STUDIO, connect, load
from tests.system import System

COMPARE = "reflex___state____state.studio___state___compare____compare_state"
LISTENING = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'studio-live' AND datname = current_database() "
    "AND state = 'idle' AND query IN ('LISTEN studio', 'SELECT 1')"
)


async def test_compare_follows_a_rating_and_the_library_what_was_missed(system: System, guest: Guest):
    async with connect(system, cookie=guest.token) as studio, connect(system, cookie=guest.token) as compare:
        await load(studio)
        studio.call(f"{STUDIO}.set_count", value="2")
        studio.call(f"{STUDIO}.generate", form={"prompt": "a lighthouse"})
        made = "SELECT count(*) = 2 FROM assets WHERE account_id = %s AND model = %s"
        await until(system, made, guest.account_id, IMAGE_MODEL)
        first, second = rows(system, "SELECT id FROM assets WHERE account_id = %s ORDER BY id", guest.account_id)
        compare.call(HYDRATE, path=f"/compare?ids={first[0]},{second[0]}")
        await compare.until(lambda s: len(s.known("picks", COMPARE) or []) == 2)
        studio.call(f"{STUDIO}.open_output", asset_id=str(second[0]))
        await studio.until(lambda s: s.known("details_open"))
        studio.call(f"{STUDIO}.rate_output", value=4)
        await compare.until(lambda s: [pick["rating"] for pick in s.known("picks", COMPARE)] == [0, 4], seconds=5)
        studio.call(f"{STUDIO}.trash_output")
        await compare.until(lambda s: len(s.known("picks", COMPARE)) == 1, seconds=5)

    async with connect(system, cookie=guest.token) as library:
        await load(library, "/library")
        await library.until(lambda s: s.known("count", LIBRARY) == 1)
        rows(system, "UPDATE assets SET trashed_at = NULL WHERE id = %s", second[0])  # nobody is told
        with psycopg.connect(system.database_url, autocommit=True) as owner:
            before = owner.execute(LISTENING).fetchone()
            assert before
            owner.execute("SELECT pg_terminate_backend(%s)", before)
            await eventually(lambda: owner.execute(LISTENING).fetchone() not in (None, before), what=LISTENING)
    async with connect(system, cookie=guest.token) as library:
        await load(library, "/library")
        await library.until(lambda s: s.known("count", LIBRARY) == 2, seconds=5)
