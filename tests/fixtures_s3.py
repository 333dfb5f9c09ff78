"""A real S3 server for tests: SeaweedFS, once per session, on free ports of loopback."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from studio.services.storage import S3Settings

START_LIMIT_S = 30.0
_GRPC = 10_000  # every SeaweedFS service also listens this far above its own port
_SERVICES: tuple[str, ...] = ("s3", "master", "volume", "filer", "admin", "s3.port.iceberg", "s3.port.lance")


@dataclass(frozen=True)
class S3Server:
    """A running server and the operator's client for what Studio itself must not do, such as making buckets."""

    endpoint: str
    access_key: str
    secret_key: str
    admin: Any

    def bucket(self, *, versioned: bool = False, prefix: str = "") -> S3Settings:
        """A new empty bucket and the settings that reach it."""
        name = f"studio-{secrets.token_hex(6)}"
        self.admin.create_bucket(Bucket=name)
        if versioned:
            self.admin.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return self.settings(name, prefix=prefix)

    def settings(self, bucket: str, *, prefix: str = "") -> S3Settings:
        """Settings for a bucket that may not exist."""
        return S3Settings(self.endpoint, "us-east-1", bucket, self.access_key, self.secret_key, prefix)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The server, stopped and its folder removed at the end of the session."""
    with running() as server:
        yield server


@contextmanager
def running() -> Iterator[S3Server]:
    """The server, and nothing of it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="studio-s3-"))
    access, secret = secrets.token_hex(8), secrets.token_hex(16)
    ports: dict[str, int] = dict(zip(_SERVICES, _free_ports(len(_SERVICES)), strict=True))
    process = _start(folder, ports, access=access, secret=secret)
    try:
        endpoint = f"http://127.0.0.1:{ports['s3']}"
        admin = _admin(endpoint, access, secret)
        _wait_until_ready(process, admin, folder / "log")
        yield S3Server(endpoint, access, secret, admin)
    finally:
        process.kill()  # its data goes with it, and an orderly end takes seconds
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, ports: dict[str, int], *, access: str, secret: str) -> subprocess.Popen[bytes]:
    weed = Path(sys.executable).parent / "weed"
    flags = [f"-{name if '.' in name else f'{name}.port'}={port}" for name, port in ports.items()]
    (folder / "data").mkdir()
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [
                str(weed if weed.exists() else shutil.which("weed") or "weed"),
                "mini",
                f"-dir={folder / 'data'}",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-webdav=false",
                "-admin.ui=false",
                *flags,
            ],
            env={
                "PATH": os.environ.get("PATH", ""),
                "HOME": str(folder),
                "WEED_S3_SSE_KEK": secrets.token_hex(32),
                "AWS_ACCESS_KEY_ID": access,
                "AWS_SECRET_ACCESS_KEY": secret,
            },
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _admin(endpoint: str, access: str, secret: str) -> Any:
    from boto3.session import Session
    from botocore.config import Config

    return Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=2),
    )


def _wait_until_ready(process: subprocess.Popen[bytes], admin: Any, log: Path) -> None:
    """Ready means that an object comes back: the S3 port answers before the volumes behind it do."""
    from botocore.exceptions import BotoCoreError, ClientError

    deadline = time.monotonic() + START_LIMIT_S
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"SeaweedFS ended with {process.returncode}: {log.read_text(errors='replace')[-2000:]}")
        try:
            admin.create_bucket(Bucket="studio-ready")
            admin.put_object(Bucket="studio-ready", Key="k", Body=b"1")
            if admin.get_object(Bucket="studio-ready", Key="k")["Body"].read() == b"1":
                return
        except (BotoCoreError, ClientError) as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"SeaweedFS is not ready: {log.read_text(errors='replace')[-2000:]}") from error
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    """Ports that are free, and whose gRPC twins are."""
    found: list[int] = []
    while len(found) < count:
        port = 20_000 + secrets.randbelow(30_000)
        if port not in found and _is_free(port) and _is_free(port + _GRPC):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
