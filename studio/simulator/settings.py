"""How a simulator is set up: read from STUDIO_SIM_* variables, a bad value stops the start with its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

PaceMode = Literal["instant", "believable"]
LimitMode = Literal["off", "individual", "enterprise"]


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings:
    """`data` holds results and the task file. `key` None accepts any bearer token. `url_ttl` in seconds."""

    data: Path
    pace: PaceMode = "believable"
    key: str | None = None
    url_ttl: int = 86_400
    limits: LimitMode = "individual"
    closed_models: frozenset[str] = frozenset()


def _choice(environ: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = environ.get(name) or default
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; it is {value!r}.")
    return value


def settings_from_env(environ: Mapping[str, str] = os.environ) -> SimulatorSettings:
    """Raises ValueError with the variable's name."""
    data = environ.get("STUDIO_SIM_DATA")
    if not data:
        raise ValueError("STUDIO_SIM_DATA must name a folder for results.")
    ttl = environ.get("STUDIO_SIM_URL_TTL") or "86400"
    if not ttl.isdecimal():
        raise ValueError(f"STUDIO_SIM_URL_TTL must be a number of seconds; it is {ttl!r}.")
    closed = (environ.get("STUDIO_SIM_CLOSED_MODELS") or "").split(",")
    return SimulatorSettings(
        data=Path(data),
        pace=cast("PaceMode", _choice(environ, "STUDIO_SIM_PACE", ("instant", "believable"), "believable")),
        key=environ.get("STUDIO_SIM_KEY") or None,
        url_ttl=int(ttl),
        limits=cast(
            "LimitMode", _choice(environ, "STUDIO_SIM_LIMITS", ("off", "individual", "enterprise"), "individual")
        ),
        closed_models=frozenset(name.strip() for name in closed if name.strip()),
    )
