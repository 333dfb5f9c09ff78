"""OpenID Connect: discovery, the way to a provider and the check of what comes back. The only place that knows authlib.

Code flow with PKCE (S256), state and nonce; the ID token must be signed with RS256 or ES256 by a key that the issuer
publishes. Sources: OpenID Connect Core 1.0 section 3.1, RFC 9207 (issuer in the answer), RFC 9700 (security practice).
Only addresses of the issuer's own discovery document are called.
"""

from __future__ import annotations

import hmac
import secrets
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeGuard
from urllib.parse import urlsplit

import authlib.deprecate  # noqa: F401  # sets its own warning filter, so it comes before ours
import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from studio import egress
from studio.config import OidcSettings, settings
from studio.errors import NotFound, StudioError
from studio.services.identity import fetching

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # authlib announces that it will prefer another HTTP client one day
    from authlib.common.errors import AuthlibBaseError
    from authlib.integrations.httpx_client import AsyncOAuth2Client
    from authlib.oidc.core import CodeIDToken

ALGORITHMS = ("RS256", "ES256")
SCOPE = "openid email profile"
SKEW_SECONDS = 60
OLDEST_TOKEN_SECONDS = 600
METADATA_SECONDS = 3600.0
KEYS_PAUSE_SECONDS = 10.0  # an unknown key id makes us ask again, but not more often than this
TIMEOUT = httpx.Timeout(10)
MAX_BYTES = 500_000


class ProviderUnknown(NotFound):
    """Nobody signs in that way here."""


class ProviderUnreachable(StudioError):
    """The sign-in provider does not answer as it should. Try again in a minute."""

    code = "provider_unreachable"
    status = 502


class SigninRefused(StudioError):
    """The provider's answer could not be trusted, so nobody was signed in. Start again from the sign-in page."""

    code = "signin_refused"
    status = 403


class EmailNotVerified(StudioError):
    """Your provider has not confirmed your e-mail address. Confirm it there, then sign in again."""

    code = "email_not_verified"
    status = 403


@dataclass(frozen=True)
class Claims:
    """Who a provider says somebody is. `issuer` and `subject` are the identity; the rest may change."""

    issuer: str
    subject: str
    email: str
    name: str
    picture: str  # an address that may be fetched, or ''


@dataclass(frozen=True)
class Metadata:
    """What of the discovery document is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    names_itself: bool  # RFC 9207: the answer carries `iss`
    token_auth: str


@dataclass(frozen=True)
class Handshake:
    """What one sign-in must prove when it comes back."""

    state: str
    nonce: str
    verifier: str


def handshake() -> Handshake:
    """Three fresh random values of 256 bits."""
    return Handshake(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))


class Provider:
    """One issuer. `transport` replaces the network in tests."""

    def __init__(self, ours: OidcSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.ours = ours
        self._transport = transport
        self._metadata: Metadata | None = None
        self._metadata_at = 0.0
        self._keys: list[Mapping[str, Any]] = []
        self._keys_at = float("-inf")

    @property
    def redirect_uri(self) -> str:
        """The one address the provider may send people back to."""
        return f"{settings().public_url}/auth/{self.ours.key}/callback"

    def _client(self, token_auth: str = "client_secret_basic") -> Any:  # noqa: S107  # a method's name; authlib has no types
        return AsyncOAuth2Client(
            client_id=self.ours.client_id,
            client_secret=self.ours.client_secret,
            token_endpoint_auth_method=token_auth,
            code_challenge_method="S256",
            redirect_uri=self.redirect_uri,
            scope=SCOPE,
            timeout=TIMEOUT,
            follow_redirects=False,
            transport=self._transport,
        )

    async def authorization_url(self, *, shake: Handshake, fresh: bool = False) -> str:
        """Where to send the browser. `fresh` asks the provider to have the person sign in anew.

        Raises:
            ProviderUnreachable: discovery failed.
        """
        metadata = await self.metadata()
        more = {"prompt": "login", "max_age": "0"} if fresh else {}
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata.authorization_endpoint,
                state=shake.state,
                code_verifier=shake.verifier,
                nonce=shake.nonce,
                **more,
            )
        return url

    async def redeem(
        self, *, code: str, issuer: str | None, shake: Handshake, fresh_since: float | None = None
    ) -> Claims:
        """Exchange a code and check everything about who comes back. `issuer` is the answer's own `iss`.

        `fresh_since` (Unix seconds) demands that the person signed in at the provider after that moment.

        Raises:
            SigninRefused: anything is not as it must be.
            EmailNotVerified: the address is missing or not confirmed.
            ProviderUnreachable: the provider failed.
        """
        metadata = await self.metadata()
        if (issuer is None and metadata.names_itself) or (issuer is not None and issuer != metadata.issuer):
            raise SigninRefused
        async with self._client(metadata.token_auth) as client:
            try:
                token = await client.fetch_token(
                    metadata.token_endpoint,
                    code=code,
                    code_verifier=shake.verifier,
                    grant_type="authorization_code",
                    redirect_uri=self.redirect_uri,
                )
                raw, access = token.get("id_token"), token.get("access_token")
                if not isinstance(raw, str) or not isinstance(access, str) or len(raw) > MAX_BYTES:
                    raise SigninRefused
                claims = await self._verified(raw, metadata, access=access, nonce=shake.nonce, fresh_since=fresh_since)
                if "email" not in claims and metadata.userinfo_endpoint:
                    claims = {**await self._userinfo(client, metadata.userinfo_endpoint, claims["sub"]), **claims}
            except httpx.HTTPError:
                raise ProviderUnreachable from None
            except (AuthlibBaseError, ValueError, TypeError, AttributeError):
                raise SigninRefused from None
        return _person(claims)

    async def _userinfo(self, client: Any, url: str, subject: str) -> Mapping[str, Any]:
        """More about the same person. An answer about another subject is refused (Core 5.3.2)."""
        answer = await client.get(url)
        if answer.status_code != 200 or len(answer.content) > MAX_BYTES:
            raise SigninRefused
        found = answer.json()
        if not isinstance(found, dict) or found.get("sub") != subject:
            raise SigninRefused
        return {key: found[key] for key in ("email", "email_verified", "name", "picture") if key in found}

    async def _verified(
        self, raw: str, metadata: Metadata, *, access: str, nonce: str, fresh_since: float | None
    ) -> dict[str, Any]:
        """The claims of an ID token: signature, issuer, audience, times, nonce (Core 3.1.3.7)."""
        try:
            key = await self._key_for(raw, metadata)
            token = jwt.decode(raw, key, algorithms=list(ALGORITHMS))
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": metadata.issuer},
                    "aud": {"essential": True, "value": self.ours.client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                params={"nonce": nonce, "client_id": self.ours.client_id, "access_token": access},
            )
            claims.validate(leeway=SKEW_SECONDS)
        except JoseError:
            raise SigninRefused from None
        found = dict(claims)
        self._check(found, nonce=nonce, now=time.time(), fresh_since=fresh_since)
        return found

    def _check(self, claims: Mapping[str, Any], *, nonce: str, now: float, fresh_since: float | None) -> None:
        """What the library leaves open: types, a token from the past or the future, when the person signed in."""
        subject, given = claims["sub"], claims["nonce"]
        wrong = (
            not (isinstance(subject, str) and 0 < len(subject) <= 255 and subject.isprintable())
            or not (isinstance(given, str) and hmac.compare_digest(given.encode(), nonce.encode()))
            or not all(_number(claims[name]) for name in ("exp", "iat"))
        )
        if wrong or claims["exp"] <= now - SKEW_SECONDS:
            raise SigninRefused
        if not now - OLDEST_TOKEN_SECONDS <= claims["iat"] <= now + SKEW_SECONDS:
            raise SigninRefused
        if fresh_since is not None:
            when = claims.get("auth_time")
            if not _number(when) or not fresh_since - SKEW_SECONDS <= when <= now + SKEW_SECONDS:
                raise SigninRefused("Your provider did not ask you to sign in again. Try once more.")

    async def _key_for(self, raw: str, metadata: Metadata) -> RSAKey | ECKey:
        """The issuer's key that a token names. Only the issuer's published RSA and EC keys are ever tried."""
        header = jwt_header(raw)
        if header.get("alg") not in ALGORITHMS:
            raise SigninRefused
        kind = "RSA" if header["alg"] == "RS256" else "EC"
        for ask_again in (False, True):
            keys = await self._published(metadata, ask_again=ask_again)
            fit = [
                key
                for key in keys
                if key.get("kty") == kind
                and key.get("use", "sig") == "sig"
                and key.get("alg", header["alg"]) == header["alg"]
                and ("kid" not in header or key.get("kid") == header["kid"])
            ]
            if len(fit) == 1:
                return (RSAKey if kind == "RSA" else ECKey).import_key(dict(fit[0]))
        raise SigninRefused

    async def _published(self, metadata: Metadata, *, ask_again: bool) -> list[Mapping[str, Any]]:
        now = time.monotonic()
        age = now - self._keys_at
        if age > METADATA_SECONDS or (ask_again and age > KEYS_PAUSE_SECONDS):
            found = (await self._json(metadata.jwks_uri)).get("keys")
            if not isinstance(found, list):
                raise ProviderUnreachable
            self._keys = [key for key in found if isinstance(key, dict)]
            self._keys_at = now
        return self._keys

    async def metadata(self) -> Metadata:
        """The discovery document, kept for an hour. Raises ProviderUnreachable."""
        now = time.monotonic()
        if self._metadata is None or now - self._metadata_at > METADATA_SECONDS:
            found = await self._json(f"{self.ours.issuer}/.well-known/openid-configuration")
            self._metadata, self._metadata_at = _read(found, self.ours.issuer), now
            for url in (self._metadata.token_endpoint, self._metadata.jwks_uri, self._metadata.userinfo_endpoint):
                egress.admit(urlsplit(url).hostname if url else None)
        return self._metadata

    async def _json(self, url: str) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, transport=self._transport) as client:
            try:
                answer = await client.get(url, headers={"accept": "application/json"})
                found = answer.json() if answer.status_code == 200 and len(answer.content) <= MAX_BYTES else None
            except (httpx.HTTPError, ValueError):
                found = None
        if not isinstance(found, dict):
            raise ProviderUnreachable
        return found


def jwt_header(raw: str) -> Mapping[str, Any]:
    """The unchecked header of a token: only to find the key. Raises SigninRefused."""
    import base64
    import json

    try:
        part = raw.split(".")[0]
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        raise SigninRefused from None
    if not isinstance(header, dict) or "crit" in header:
        raise SigninRefused
    return header


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read(found: Mapping[str, Any], issuer: str) -> Metadata:
    """Check a discovery document. It must name the very issuer it was asked of (Discovery 4.3)."""
    endpoints = [found.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    optional = found.get("userinfo_endpoint")
    named = found.get("issuer")
    if not isinstance(named, str) or named.rstrip("/") != issuer:
        raise ProviderUnreachable
    schemes = ("https", "http") if issuer.startswith("http://") else ("https",)
    for url in [*endpoints, *([optional] if optional is not None else [])]:
        if not isinstance(url, str) or urlsplit(url).scheme not in schemes or not urlsplit(url).netloc:
            raise ProviderUnreachable
    methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Metadata(
        issuer=named,
        authorization_endpoint=str(endpoints[0]),
        token_endpoint=str(endpoints[1]),
        jwks_uri=str(endpoints[2]),
        userinfo_endpoint=optional,
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        token_auth="client_secret_basic" if "client_secret_basic" in methods else "client_secret_post",
    )


def _person(claims: Mapping[str, Any]) -> Claims:
    email, name = claims.get("email"), claims.get("name")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        raise EmailNotVerified
    words = "".join(c if c.isprintable() else " " for c in name) if isinstance(name, str) else ""
    return Claims(
        issuer=claims["iss"],
        subject=claims["sub"],
        email=email,
        name=" ".join(words.split())[:80],
        picture=fetching.clean_url(claims.get("picture")),
    )


@cache
def providers() -> Mapping[str, Provider]:
    """This process's providers, by their key in addresses."""
    return {ours.key: Provider(ours) for ours in settings().oidc}


def provider(key: str) -> Provider:
    """One of them. Raises ProviderUnknown."""
    found = providers().get(key)
    if found is None:
        raise ProviderUnknown
    return found


async def examine(ours: OidcSettings) -> tuple[str, int]:
    """For the operator: what keeps people from signing in with an issuer, '' if nothing, and how many keys it shows.

    Asks for the discovery document and the keys only, as a sign-in would.
    """
    asked = Provider(ours)
    try:
        found = await asked._json(f"{ours.issuer}/.well-known/openid-configuration")
    except ProviderUnreachable:
        return "does not answer with a discovery document", 0
    named = found.get("issuer")
    if not isinstance(named, str) or named.rstrip("/") != ours.issuer:
        return "names another issuer than the one that was asked", 0
    try:
        metadata = _read(found, ours.issuer)
    except ProviderUnreachable:
        return "lacks an address that signing in needs, or names one that is not https", 0
    # The document may leave the methods out (RFC 8414): then nothing is known against S256.
    methods = found.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        return "does not take PKCE with S256", 0
    try:
        keys = await asked._published(metadata, ask_again=False)
    except ProviderUnreachable:
        return "does not show its keys", 0
    usable = [key for key in keys if key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig"]
    return ("", len(usable)) if usable else ("shows no RSA or EC key for signatures", 0)
