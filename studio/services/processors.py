"""Who else handles data for this installation: found from the settings in use, described by the operator.

`/subprocessors` shows every vendor the settings name, whether or not the operator described it. What is missing is
named by `missing`, for `studio doctor` and the proof of promise T1.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from studio.config import S3Settings, Settings, SettingsError

NOT_STATED = "not stated"
_OWN = ("localhost", "")


@dataclass(frozen=True)
class Vendor:
    """A part of the settings that names somebody else's machine. `key` is its table in STUDIO_PROCESSORS_FILE."""

    key: str
    host: str
    name: str
    purpose: str
    data: str
    region: str = ""


@dataclass(frozen=True)
class Processor:
    """A row of the page. An empty `dpa` or a region of `NOT_STATED` is still the operator's to fill in."""

    key: str
    name: str
    purpose: str
    region: str
    data: str
    dpa: str
    used: bool


# What each part receives; the operator's file can say it better.
_PURPOSES = {
    "generation": ("Makes pictures and clips", "Prompts, reference pictures and parameters; no name and no address"),
    "signin": ("Signs people in", "Name, e-mail address and the provider's id of who signs in"),
    "google": ("Signs people in", "Name, e-mail address and the provider's id of who signs in"),
    "storage": ("Keeps pictures and clips", "References and outputs"),
    "journal": (
        "Keeps the note of what was erased",
        "Random ids of what was erased or restricted, and when",
    ),
    "backups": ("Keeps backups", "All data, encrypted before it leaves"),
    "database": ("Keeps everything but files", "Account data, prompts, parameters and operational data"),
    "mail": ("Delivers mail about accounts", "E-mail address and what the mail says"),
    "redis": ("Keeps the state of open tabs", "Ids and small parts of what an open page shows"),
    "hosting": ("Runs the servers", "All data, while it is processed"),
}


def local(host: str) -> bool:
    """Whether a host is this machine or a private network: the operator's own, and no third party."""
    if host in _OWN or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return "." not in host  # a name without a dot is one of the private network
    return address.is_private or address.is_loopback


def _host(url: str | None) -> str:
    return (urlsplit(url).hostname or "") if url else ""


def vendors(ours: Settings) -> Sequence[Vendor]:
    """The third parties that the settings in use name."""
    found: list[Vendor] = []

    def add(key: str, host: str, name: str = "", region: str = "") -> None:
        if not local(host):
            purpose, data = _PURPOSES[key]
            found.append(Vendor(key, host, name or host, purpose, data, region))

    ark = _host(ours.ark_base_url)
    add("generation", ark, "BytePlus (ByteDance)", ark.split(".")[1] if ark.endswith(".bytepluses.com") else "")
    for provider in ours.oidc:
        google = provider.key == "google"
        add("google" if google else "signin", _host(provider.issuer), "Google" if google else provider.name)
    for key, bucket in (("storage", ours.s3), ("journal", ours.journal), ("backups", ours.backup)):
        if isinstance(bucket, S3Settings):
            host = _host(bucket.endpoint) or f"s3.{bucket.region}.amazonaws.com"
            add(key, host, region=bucket.region)
    add("database", _host(ours.database_url))
    add("mail", _host(ours.smtp_url))
    add("redis", _host(ours.redis_url))
    return found


def described(path: Path | None) -> Mapping[str, Mapping[str, str]]:
    """The operator's file: a TOML table a processor, with name, region and dpa, and if it differs purpose and data.

    Raises:
        SettingsError: naming STUDIO_PROCESSORS_FILE and what is wrong in it.
    """
    if path is None:
        return {}
    try:
        read = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"STUDIO_PROCESSORS_FILE: cannot be read as TOML, {error}") from None
    allowed = {"name", "region", "dpa", "purpose", "data", "host"}
    for key, table in read.items():
        wrong = set(table) - allowed if isinstance(table, dict) else {"not a table"}
        if wrong or not all(isinstance(value, str) and value.strip() for value in table.values()):
            raise SettingsError(
                f"STUDIO_PROCESSORS_FILE: [{key}] takes {', '.join(sorted(allowed))}, each a text; "
                f"unexpected: {', '.join(sorted(wrong)) or 'an empty value'}"
            )
        if not table.get("dpa", "https://").startswith("https://"):
            raise SettingsError(f"STUDIO_PROCESSORS_FILE: [{key}] dpa is an address that begins with https://")
    return read


def listed(ours: Settings) -> Sequence[Processor]:
    """Every processor of the page: those the settings use, then those only the operator knows of, such as the host."""
    told = described(ours.processors_file)
    used = {vendor.key: vendor for vendor in vendors(ours)}
    rows = [_row(key, vendor, told.get(key, {})) for key, vendor in used.items()]
    return [*rows, *(_row(key, None, table) for key, table in told.items() if key not in used and _stands(key, table))]


def _stands(key: str, table: Mapping[str, str]) -> bool:
    """A part that the settings could name but do not use now is left out: nothing is sent there."""
    return bool(table.get("name")) and (key == "hosting" or key not in _PURPOSES)


def _row(key: str, vendor: Vendor | None, table: Mapping[str, str]) -> Processor:
    purpose, data = _PURPOSES.get(key, (NOT_STATED, NOT_STATED))
    return Processor(
        key=key,
        name=table.get("name") or (vendor.name if vendor else key),
        purpose=table.get("purpose") or purpose,
        region=table.get("region") or (vendor.region if vendor else "") or NOT_STATED,
        data=table.get("data") or data,
        dpa=table.get("dpa", ""),
        used=vendor is not None,
    )


def missing(ours: Settings) -> list[str]:
    """Vendors in use that the operator has not listed: without a region, a DPA, or listed for another host.

    One sentence each, empty when the page is complete.
    """
    told = described(ours.processors_file)
    found = []
    for vendor in vendors(ours):
        table = told.get(vendor.key, {})
        if not table:
            found.append(f"{vendor.key}: {vendor.host} is in use and not in STUDIO_PROCESSORS_FILE")
        elif table.get("host", vendor.host) != vendor.host:
            found.append(f"{vendor.key}: {vendor.host} is in use, but {table['host']} is listed")
        else:
            lacks = [name for name in ("region", "dpa") if not (table.get(name) or getattr(vendor, name, ""))]
            if lacks:
                found.append(f"{vendor.key}: {vendor.host} is listed without {' and '.join(lacks)}")
    return found
