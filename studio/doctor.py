"""`studio doctor`: is everything this installation names really there? One line a part, exit code 1 when one is not."""

from __future__ import annotations

from collections.abc import Callable

from studio.config import Settings


def _database(ours: Settings) -> str:
    import psycopg

    from studio.embedded.postgres import running_url

    url = ours.database_url or running_url(ours.data_dir)
    if url is None:
        return "embedded, not running now"
    with psycopg.connect(url, connect_timeout=10) as connection:
        row = connection.execute("SELECT current_setting('server_version')").fetchone()
    return f"Postgres {row[0] if row else '?'} answers"


def _data_folder(ours: Settings) -> str:
    ours.data_dir.mkdir(parents=True, exist_ok=True)
    probe = ours.data_dir / ".doctor"
    probe.write_text("")
    probe.unlink()
    return f"{ours.data_dir} can be written"


def _storage(ours: Settings) -> str:
    if ours.s3 is None:
        return "a folder inside the data folder"
    import asyncio

    from studio.runtime import storage

    asyncio.run(storage().check())
    return f"bucket {ours.s3.bucket} answers"


def _redis(ours: Settings) -> str:
    if ours.redis_url is None:
        return "not set: one web process"
    import redis

    redis.Redis.from_url(ours.redis_url, socket_connect_timeout=10).ping()
    return "answers"


def _front_end(_: Settings) -> str:
    from studio import frontend

    folder = frontend.cached()
    return "built" if folder else "not built yet; the next start builds it"


def _provider(ours: Settings) -> str:
    return "the local simulator" if ours.simulated else f"ModelArk, {ours.ark_tier} account"


PARTS: dict[str, Callable[[Settings], str]] = {
    "data folder": _data_folder,
    "database": _database,
    "object storage": _storage,
    "redis": _redis,
    "front end": _front_end,
    "generation": _provider,
}


def run(ours: Settings, say: Callable[[str], None]) -> int:
    """Check every part and say how each is; 1 when any is not as configured."""
    failures = 0
    say(f"settings: complete, public address {ours.public_url}")
    for name, check in PARTS.items():
        try:
            say(f"{name}: {check(ours)}")
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a part is what the doctor reports
            failures += 1
            say(f"{name}: NOT WORKING, {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    return 1 if failures else 0
