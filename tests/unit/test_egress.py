"""The guard over outgoing connections: what the settings name passes, anything else is refused and counted."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.config import Config

from studio import egress
from studio.config import Settings, load

FOREIGN = "telemetry.example.net"


def of(tmp_path: Path, **environment: str) -> Settings:
    return load({"STUDIO_DATA": str(tmp_path), "STUDIO_SECRET_KEY": "0" * 40, **environment})


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[egress.Guard]:
    """This process's guard, with the settings of a studio that uses everything there is."""
    for name in egress.PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    ours = of(
        tmp_path,
        ARK_API_KEY="key",
        DATABASE_URL="postgresql://u:p@db.example.org/studio",
        REDIS_URL="redis://redis.example.org:6379",
        SMTP_URL="smtps://u:p@mail.example.org:465",
        OIDC_ISSUER="https://id.example.org",
        OIDC_CLIENT_ID="c",
        OIDC_CLIENT_SECRET="s",
        STUDIO_S3_ENDPOINT="https://s3.example.org",
        STUDIO_S3_BUCKET="b",
        STUDIO_S3_ACCESS_KEY="a",
        STUDIO_S3_SECRET_KEY="s",
        STUDIO_JOURNAL_URL="s3://journal/home",
        STUDIO_JOURNAL_S3_ENDPOINT="https://s3.journal.example.org",
        STUDIO_BACKUP_URL="s3://backup",
        STUDIO_BACKUP_S3_ENDPOINT="https://s3.backup.example.org",
        STUDIO_BACKUP_S3_ADDRESSING="virtual",
        STUDIO_BACKUP_RECIPIENT=f"age1{'q' * 58}",
    )
    yield egress.install(ours)
    egress.stand_down()


def test_the_list_is_what_the_settings_name_and_nothing_else(guard: egress.Guard):
    hosts = {place.host: place.why for place in guard.places}
    results = {host for host, why in hosts.items() if why == "BytePlus results"}
    assert results
    assert all(host.startswith(".") for host in results)
    assert set(hosts) - results == {
        "ark.ap-southeast.bytepluses.com",
        "db.example.org",
        "redis.example.org",
        "mail.example.org",
        "id.example.org",
        "s3.example.org",
        "s3.journal.example.org",
        "backup.s3.backup.example.org",
    }


def test_the_places_of_the_journal_and_of_backups_are_on_the_list(tmp_path: Path):
    ours = of(
        tmp_path,
        STUDIO_JOURNAL_URL="s3://notes",
        STUDIO_JOURNAL_S3_ENDPOINT="https://journal.example.org",
        STUDIO_BACKUP_URL="s3://backups/home",
        STUDIO_BACKUP_S3_REGION="eu-north-1",
        STUDIO_BACKUP_RECIPIENT=f"age1{'q' * 58}",
        **{f"STUDIO_{place}_S3_{key}_KEY": "k" for place in ("JOURNAL", "BACKUP") for key in ("ACCESS", "SECRET")},
    )
    found = {place.why: place.host for place in egress.places(ours)}
    assert found["erasure journal"] == "journal.example.org"
    assert found["backups"] == "s3.eu-north-1.amazonaws.com"


def test_without_settings_there_is_only_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in egress.PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    local = of(tmp_path, STUDIO_SIMULATOR_URL="http://127.0.0.1:4000", DATABASE_URL="postgresql:///x?host=/run/pg")
    assert [place.host for place in egress.places(local)] == ["127.0.0.1"]


@pytest.mark.parametrize("addressing", ["path", "virtual"])
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_the_store_of_aws_is_on_the_list_where_its_library_calls_it(tmp_path: Path, region: str, addressing: str):
    ours = of(
        tmp_path,
        STUDIO_S3_BUCKET="bucket",
        STUDIO_S3_ACCESS_KEY="a",
        STUDIO_S3_SECRET_KEY="s",
        STUDIO_S3_REGION=region,
        STUDIO_S3_ADDRESSING=addressing,
    )
    client = boto3.client(
        "s3",
        region_name=region,
        aws_access_key_id="a",
        aws_secret_access_key="s",
        config=Config(s3={"addressing_style": addressing}),
    )
    called = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})).hostname
    assert egress.Guard(egress.places(ours)).names(called or "")


@pytest.mark.parametrize("host", ["ark.ap-southeast.bytepluses.com", "tos.volces.com", "ID.example.org.", "localhost"])
def test_a_named_host_may_be_looked_up(guard: egress.Guard, host: str):
    guard.judge(host, count=True)
    assert guard.take() == (1, 0)


@pytest.mark.parametrize(
    "host", [FOREIGN, "evilvolces.com", "volces.com.evil.net", "id.example.org.evil.net", "8.8.8.8", "2001:db8::1"]
)
def test_any_other_is_refused(guard: egress.Guard, host: str):
    with pytest.raises(egress.EgressRefused):
        guard.judge(host, count=True)
    assert guard.take() == (0, 1)


async def test_a_request_to_a_foreign_host_never_leaves_whatever_the_library(guard: egress.Guard):
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://{FOREIGN}/collect")
        with pytest.raises(httpx.ConnectError):
            await client.get("http://192.0.2.1/collect")
    with pytest.raises(egress.EgressRefused):
        socket.create_connection((FOREIGN, 443), timeout=1)
    with pytest.raises(egress.EgressRefused):
        await asyncio.open_connection("192.0.2.1", 443)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, pytest.raises(egress.EgressRefused):
        datagrams.sendto(b"user=1", ("192.0.2.1", 8125))
    assert guard.take() == (0, 5)


async def test_what_runs_on_this_machine_is_reached(guard: egress.Guard):
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection("localhost", port)
    writer.close()
    server.close()
    allowed, refused = guard.take()
    assert allowed >= 1
    assert refused == 0


def test_an_address_is_allowed_once_a_named_host_was_found_there(guard: egress.Guard):
    with pytest.raises(egress.EgressRefused):
        guard.judge("203.0.113.9", count=True)
    guard.found(["203.0.113.9"])
    guard.judge("203.0.113.9", count=True)


def test_a_host_that_the_provider_names_is_admitted_and_no_other(guard: egress.Guard):
    egress.admit("pictures.example.net")
    guard.judge("pictures.example.net", count=True)
    with pytest.raises(egress.EgressRefused):
        guard.judge("other.example.net", count=True)


def test_threads_are_watched_as_well(guard: egress.Guard):
    caught: list[BaseException] = []

    def call_home() -> None:
        try:
            socket.create_connection((FOREIGN, 443), timeout=1)
        except OSError as error:
            caught.append(error)

    thread = threading.Thread(target=call_home)
    thread.start()
    thread.join()
    assert isinstance(caught[0], egress.EgressRefused)
    assert guard.refused == 1


def test_what_could_not_be_written_down_is_counted_again(guard: egress.Guard):
    guard.judge("localhost", count=True)
    counted = guard.take()
    guard.judge("localhost", count=True)
    guard.put_back(counted)
    assert guard.take() == (2, 0)
