"""File store, mail, sign-in, provider and Redis, each asked for what the product will ask. Nothing is left behind."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from studio.config import Settings, SettingsError
from studio.doctor.findings import Finding, failed, in_thread, ok, warning
from studio.errors import StudioError

PROBE = b"studio doctor"
PROBE_KIND = "z"  # no object of a person begins with it


async def file_store(ours: Settings) -> list[Finding]:
    """Write, read, list and remove one object under a prefix that nothing else uses."""
    from studio.services.storage import S3Settings, new_key, open_storage

    part = "file store"
    if ours.s3 is None:
        place, mend = ours.data_dir / "objects", "Give this user the folder STUDIO_DATA."
        store: Any = open_storage(place)
        named = "a folder inside the data folder"
    else:
        store = open_storage(S3Settings(**asdict(ours.s3)))
        named = f"bucket {ours.s3.bucket}"
        mend = "Correct STUDIO_S3_ENDPOINT, STUDIO_S3_BUCKET, STUDIO_S3_ACCESS_KEY or STUDIO_S3_SECRET_KEY."
    key, steps = new_key(PROBE_KIND), ["asking for it"]
    try:
        await store.check()
        same = await _there_and_back(store, key, steps)
        rules = await store.rules() if ours.s3 is not None else ""
    except StudioError as error:
        return [failed(part, f"{named}: {steps[-1]} failed. {error.message}", mend)]
    finally:
        await store.close()
    if not same:
        return [failed(part, f"{named} gave back something else than was stored.", mend)]
    return [ok(part, f"{named}: written, read, listed and removed{'; ' + rules if rules else ''}")]


async def _there_and_back(store: Any, key: str, steps: list[str]) -> bool:
    """Whether what was stored came back and is gone; `steps` ends with the one that was last begun."""
    steps.append("writing")
    await store.put(key, PROBE, content_type="text/plain")
    try:
        steps.append("reading")
        async with await store.open(key) as stream:
            same = b"".join([chunk async for chunk in stream]) == PROBE
        steps.append("listing")
        same &= key in [each.key async for each in store.list(f"{PROBE_KIND}/{key[2:4]}/")]
        steps.append("removing")
    finally:
        await store.delete(key)
    return same and await store.stat(key) is None


async def mail(ours: Settings) -> list[Finding]:
    """Connect, encrypt, sign in, say goodbye. No mail is sent."""
    from studio.services import mail_smtp

    part = "mail"
    try:
        server = mail_smtp.server_of(ours)
    except SettingsError as error:
        return [failed(part, str(error), "Correct SMTP_URL.")]
    if server is None:
        if ours.secure:
            return [warning(part, "SMTP_URL is not set: mails stay in the outbox.", "Set SMTP_URL and SMTP_FROM.")]
        return [ok(part, "not set: mails are printed and kept in the outbox")]
    where = f"{server.host}, port {server.port}"
    reason = await in_thread(mail_smtp.examine, server)
    if reason:
        return [failed(part, f"{where} {reason}.", "Correct SMTP_URL.")]
    how = {"implicit": "TLS", "starttls": "STARTTLS", "plain": "no encryption, this machine only"}[server.tls]
    signed_in = "signed in" if server.username else "no sign-in"
    return [ok(part, f"{where} answers; {how}, {signed_in}; no mail was sent")]


async def sign_in(ours: Settings) -> list[Finding]:
    """Each issuer's discovery document and keys, and the address to tell it."""
    from studio.services.identity import oidc

    if not ours.oidc:
        if ours.secure:
            mend = "Set OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET, or the pair of OIDC_GOOGLE_."
            return [warning("sign-in", "no provider is set: people come in by links only.", mend)]
        return [ok("sign-in", "by links; no provider is set")]
    found = []
    for each in ours.oidc:
        part = f"sign-in {each.key}"
        name = "OIDC_GOOGLE_CLIENT_ID" if each.key == "google" else "OIDC_ISSUER"
        problem, keys = await oidc.examine(each)
        back = f"{ours.public_url}/auth/{each.key}/callback"
        if problem:
            found.append(failed(part, f"{each.issuer} {problem}.", f"Correct {name}, or mend the provider."))
        else:
            found.append(ok(part, f"{each.issuer}: S256, {keys} keys; its redirect address must be {back}"))
    return found


async def provider(ours: Settings) -> list[Finding]:
    """One cheap read with the key."""
    from studio.services.byteplus.client import ModelArkClient
    from studio.services.byteplus.errors import ProviderError

    part = "generation"
    if ours.ark_api_key is None or ours.ark_base_url is None:
        return [ok(part, "Simulated: no ARK_API_KEY is set, nothing is charged")]
    where = urlsplit(ours.ark_base_url).netloc
    async with ModelArkClient(ours.ark_base_url, ours.ark_api_key, post_tries=1) as client:
        try:
            await client.list_tasks(page_size=1)
        except ProviderError as error:
            if error.http_status in (401, 403):
                return [failed(part, f"{where} refused the key ({error.http_status}).", "Correct ARK_API_KEY.")]
            if error.http_status == 429:
                return [warning(part, f"{where} is busy.", "Look again in a minute; raise ARK_ACCOUNT_TIER's limits.")]
            status = f" ({error.http_status})" if error.http_status else ""
            return [failed(part, f"{where} does not answer as it should{status}.", "Correct ARK_BASE_URL.")]
    return [ok(part, f"{where} takes the key; {ours.ark_tier} account")]


async def redis(ours: Settings) -> list[Finding]:
    """Only more than one web process needs it."""
    part = "redis"
    if ours.redis_url is None:
        return [ok(part, "not set: one web process")]
    from redis.asyncio import Redis
    from redis.exceptions import AuthenticationError, RedisError

    client = Redis.from_url(ours.redis_url, socket_connect_timeout=8, socket_timeout=8)
    try:
        await client.execute_command("PING")
    except (AuthenticationError, RedisError, OSError) as error:
        refused = "NOAUTH" in str(error) or "WRONGPASS" in str(error) or isinstance(error, AuthenticationError)
        return [failed(part, "refused the password." if refused else "does not answer.", "Correct REDIS_URL.")]
    finally:
        await client.aclose()
    return [ok(part, "answers")]
