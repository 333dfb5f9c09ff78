"""Everything one running simulator shares, and the few things every route does first."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from starlette.requests import Request

from studio.services.byteplus.catalog_data import ALIASES, IMAGE_MODELS, VIDEO_MODELS, Model
from studio.simulator import faults
from studio.simulator.faults import Fault, FaultCounter
from studio.simulator.limits import Limiter
from studio.simulator.pace import Pace
from studio.simulator.pool import RenderPool
from studio.simulator.settings import SimulatorSettings
from studio.simulator.store import Store
from studio.simulator.wire import ApiError, Json, signature, without_nulls

MODELS: dict[str, Model] = {model.id: model for model in (*IMAGE_MODELS, *VIDEO_MODELS)}
NOT_OPEN = frozenset(
    {"dreamina-seedance-2-5-premium-260915", "seedance-1-0-lite-t2v-250428", "seedance-1-0-lite-i2v-250428"}
)
SHUT_DOWN = frozenset({"seedance-1-5-pro-251215", "seedream-3-0-t2i-250415", "seededit-3-0-i2i-250628"})
MAX_BODY = 64 * 1024 * 1024
ACCOUNT = 2100000001


@dataclass
class Simulator:
    settings: SimulatorSettings
    store: Store
    pool: RenderPool
    clip_pool: RenderPool  # a long clip must not keep pictures waiting
    pace: Pace
    limiter: Limiter
    secret: bytes
    url_ttl: int
    url_ahead: float = 0.0
    """How far the clock that ends links runs ahead, in seconds."""
    faults: FaultCounter = field(default_factory=FaultCounter)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    background: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def files(self) -> Path:
        return self.settings.data / "files"

    def new_file(self, extension: str) -> tuple[str, Path]:
        """An id nobody can guess and the path it will have."""
        file_id = secrets.token_hex(16)
        return file_id, self.files / f"{file_id}.{extension}"

    def link(self, base: str, file_id: str, extension: str, made: float | None = None) -> str:
        """A signed link that ends `url_ttl` seconds after the file was made."""
        expires = int((made or time.time()) + self.url_ttl)
        return f"{base}/files/{file_id}.{extension}?expires={expires}&sig={signature(self.secret, file_id, expires)}"


def create_simulator(settings: SimulatorSettings) -> Simulator:
    (settings.data / "files").mkdir(parents=True, exist_ok=True)
    key_file = settings.data / "url.key"
    if not key_file.exists():
        key_file.write_bytes(secrets.token_bytes(32))
        key_file.chmod(0o600)
    return Simulator(
        settings=settings,
        store=Store(settings.data),
        pool=RenderPool(),
        clip_pool=RenderPool(),
        pace=Pace(settings.pace),
        limiter=Limiter(settings.limits),
        secret=key_file.read_bytes(),
        url_ttl=settings.url_ttl,
    )


def simulator(request: Request) -> Simulator:
    return cast("Simulator", request.app.state.simulator)


def base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def authorise(request: Request) -> None:
    """Raises the recorded 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = simulator(request).settings.key
    good = scheme.lower() == "bearer" and bool(token.strip())
    if good and key is not None:
        good = secrets.compare_digest(token.strip().encode(), key.encode())
    if not good:
        raise ApiError("AuthenticationError", "The API key or AK/SK in the request is missing or invalid")


async def read_body(request: Request) -> Json:
    """The JSON object sent, nulls removed. Raises 400, or 413 above 64 MB."""
    too_large = ApiError("RequestTooLarge", "The request body must be at most 64 MB.")
    if int(request.headers.get("content-length") or 0) > MAX_BODY:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise too_large
        chunks.append(chunk)
    try:
        body = without_nulls(json.loads(b"".join(chunks)))
    except ValueError:
        raise ApiError("InvalidParameter", "The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise ApiError("InvalidParameter", "The request body must be a JSON object.")
    return body


def find_model(sim: Simulator, model_id: object, kind: str) -> Model:
    """The model an id or an `ep-sim-<model id>` endpoint names. Raises the recorded 404s."""
    if not isinstance(model_id, str) or not model_id:
        raise ApiError("MissingParameter.model", "The request is missing the parameter `model`.", param="model")
    plain = model_id.removeprefix("ep-sim-")
    plain = ALIASES.get(plain, plain)
    if plain in NOT_OPEN or plain in sim.settings.closed_models:
        text = f"Your account {ACCOUNT} has not activated the model {model_id}. "
        raise ApiError("ModelNotOpen", text + "Please activate the model service in the Ark Console.")
    if plain in SHUT_DOWN:
        text = f"The model {model_id} has been shut down and can no longer be called."
        raise ApiError("InvalidEndpointOrModel.ModelIDAccessDisabled", text)
    model = MODELS.get(plain)
    if model is None:
        text = f"The model or endpoint {model_id} does not exist or you do not have access to it."
        raise ApiError("InvalidEndpointOrModel.NotFound", text)
    if model.kind != kind:
        raise ApiError("UnsupportedModel", f"The model {model_id} does not support this interface.")
    return model


def faults_of(request: Request, prompt: str) -> dict[str, Fault]:
    return faults.parse(prompt, request.headers.get("x-sim-fault"))


async def record_post(
    request: Request, kind: str, body: Json, prompt: str, *, code: str = "", reference: str = ""
) -> None:
    """Count a POST: accepted when `code` is empty. `reference` is the task id, for tasks.

    Its prompt is what tests count by; of people who use the simulator, nothing is kept that they did not ask to keep.
    """
    identifier = body.get("safety_identifier")
    sim = simulator(request)
    await sim.store.add_post(
        {
            "kind": kind,
            "attempt": request.headers.get("x-studio-attempt", ""),
            "client_request_id": request.headers.get("x-client-request-id", ""),
            "safety_identifier": identifier if isinstance(identifier, str) else "",
            "prompt": prompt[:4000] if sim.settings.pace == "instant" else "",
            "accepted": int(not code),
            "code": code,
            "created": time.time(),
            "reference": reference,
        }
    )


def refuse(sim: Simulator, found: dict[str, Fault], prompt: str) -> None:
    """Raise the refusal a fault asks for, before anything is accepted."""
    if sim.faults.strikes(found.get("429"), prompt):
        raise ApiError("RateLimitExceeded.EndpointRPMExceeded")
    if sim.faults.strikes(found.get("500"), prompt):
        raise ApiError("InternalServiceError")
    fault = found.get("refuse")
    if fault is not None and fault.value and sim.faults.strikes(fault, prompt):
        raise ApiError(fault.value)
    if "block_input" in found:
        raise ApiError("InputTextSensitiveContentDetected")
