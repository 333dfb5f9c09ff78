"""An issuer that says whatever a test wants, behind a transport instead of a network; and a browser of our routes."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

ISSUER = "https://id.example.org"
CLIENT = "studio-client"
SECRET = "client-secret-of-this-studio-with-enough-length"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig", "alg": "RS256"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig", "alg": "ES256"})
PLAIN = RSAKey.import_key(RSA.as_pem(private=True))  # the same key, said to be for no algorithm
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})


class Later(int):
    """A claim that is this many seconds after now; negative: before."""


def unsigned(claims: Mapping[str, Any]) -> str:
    """A token with `alg` none and no signature."""
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."


@dataclass
class Issuer:
    """Codes are good once, for the verifier and the redirect address they were asked with."""

    claims: dict[str, Any] = field(default_factory=dict)  # replaces claims of the ID token; None leaves one out
    userinfo: dict[str, Any] | None = None
    document: dict[str, Any] = field(default_factory=dict)
    sign: Any = None  # (claims) -> token
    subject: str = "subject-1"
    email: str = "mira@example.org"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    down: bool = False
    keys: list[Any] = field(default_factory=lambda: [RSA, EC])  # what it publishes

    def approve(self, url: str) -> dict[str, str]:
        """What a provider does when the person says yes: the query that the browser comes back with."""
        sent = {key: value[0] for key, value in parse_qs(urlsplit(url).query).items()}
        assert url.startswith(f"{ISSUER}/authorize?")
        code = secrets.token_urlsafe(16)
        self.codes[code] = sent
        return {"code": code, "state": sent["state"], "iss": ISSUER}

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The issuer's four addresses."""
        self.asked.append(f"{request.method} {request.url}")
        if self.down:
            raise httpx.ConnectError("down")
        match request.url.path:
            case "/.well-known/openid-configuration":
                return httpx.Response(200, json=self._document())
            case "/keys":
                return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys]})
            case "/token":
                return self._token(request)
            case "/userinfo":
                return httpx.Response(200, json=self.userinfo or {})
        return httpx.Response(404)

    def _document(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "authorization_response_iss_parameter_supported": True,
            **self.document,
        }

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = {key: value[0] for key, value in parse_qs(request.content.decode()).items()}
        sent = self.codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if sent is None or request.headers.get("authorization") != f"Basic {basic}":
            return httpx.Response(400, json={"error": "invalid_grant"})
        made = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if made != sent["code_challenge"] or form["redirect_uri"] != sent["redirect_uri"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": self.subject,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": sent["nonce"],
            "email": self.email,
            "email_verified": True,
            "name": "Mira Kessler",
            **({"auth_time": now} if "max_age" in sent else {}),
            **self.claims,
        }
        claims = {k: now + v if isinstance(v, Later) else v for k, v in claims.items() if v is not None}
        token = self.sign(claims) if self.sign else signed(claims)
        return httpx.Response(200, json={"access_token": "an-access-token", "token_type": "Bearer", "id_token": token})


def signed(claims: Mapping[str, Any], *, key: Any = RSA, alg: str = "RS256", kid: str = "rsa") -> str:
    """A token as an honest issuer makes it."""
    return jwt.encode({"alg": alg, "kid": kid}, dict(claims), key, algorithms=[alg])


def confused(claims: Mapping[str, Any], secret: str | bytes) -> str:
    """A token signed with HS256 by something that is no secret, or not the issuer's."""
    return signed(claims, key=OctKey.import_key(secret), alg="HS256")
