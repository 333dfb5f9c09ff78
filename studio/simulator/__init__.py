"""A local ModelArk: the provider's wire protocol with pictures and clips painted here, so that nothing needs a key.

`command` and `environment` are how a supervisor or a test starts it; `python -m studio.simulator --help` for people.
"""

from __future__ import annotations

import sys
from pathlib import Path


def command(host: str, port: int) -> list[str]:
    """The argv of a simulator process. It is ready when GET /healthz answers 200; stop it with SIGTERM."""
    return [sys.executable, "-m", "studio.simulator", "--host", host, "--port", str(port)]


def environment(
    data: Path | str,
    *,
    pace: str = "believable",
    key: str | None = None,
    url_ttl: int = 86_400,
    limits: str = "individual",
    closed_models: tuple[str, ...] = (),
) -> dict[str, str]:
    """The variables that set up a simulator, to be added to a process's environment. `url_ttl` in seconds."""
    variables = {
        "STUDIO_SIM_DATA": str(data),
        "STUDIO_SIM_PACE": pace,
        "STUDIO_SIM_URL_TTL": str(url_ttl),
        "STUDIO_SIM_LIMITS": limits,
        "STUDIO_SIM_CLOSED_MODELS": ",".join(closed_models),
    }
    if key is not None:
        variables["STUDIO_SIM_KEY"] = key
    return variables
