"""Faults on request: tags in the prompt, `[[sim:429*2]]`, or the header `X-Sim-Fault: 429*2, slow=3`.

name          value             what happens
429, 500      -                 refused before anything is done; `*k` only the first k times for this prompt
refuse        error code        refused with that code and its status; `*k` as above
slow          seconds           the answer to the POST comes that much later
lost          -                 accepted, done and counted, but the connection closes without an answer; `*k` as above
fail          error code        the picture or the task fails with that code
block_input   -                 refused as InputTextSensitiveContentDetected
partial_failed index            that picture of a group fails its moderation
expired       -                 the task ends as expired
hold          -                 the task stays running until POST /_sim/release
queue         seconds           the task stays queued that long
run           seconds           the task stays running at least that long
flaky_download count            the first downloads answer 400
cut_download  count             the first downloads break off half-way
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_TAG = re.compile(r"\[\[sim:([^\]]+)\]\]")
_ONE = re.compile(r"^\s*([a-z0-9_]+)(?:=([A-Za-z0-9_.]+))?(?:\*(\d+))?\s*$")


@dataclass(frozen=True)
class Fault:
    name: str
    value: str = ""
    times: int | None = None  # None: every time

    def number(self, default: float) -> float:
        try:
            return float(self.value)
        except ValueError:
            return default


def parse(prompt: str, header: str | None) -> dict[str, Fault]:
    """Faults by name. What cannot be read is left out: a prompt is anybody's text."""
    texts = [*_TAG.findall(prompt), *(header or "").split(",")]
    faults: dict[str, Fault] = {}
    for text in texts:
        match = _ONE.match(text)
        if match:
            name, value, times = match.groups()
            faults[name] = Fault(name, value or "", int(times) if times else None)
    return faults


def strip(prompt: str) -> str:
    return _TAG.sub(" ", prompt).strip()


class FaultCounter:
    """Remembers how often a limited fault has struck; one count per fault and prompt."""

    def __init__(self) -> None:
        self._struck: Counter[tuple[str, str]] = Counter()

    def strikes(self, fault: Fault | None, key: str) -> bool:
        """Whether `fault` applies now; counts it if so."""
        if fault is None:
            return False
        self._struck[fault.name, key] += 1
        return fault.times is None or self._struck[fault.name, key] <= fault.times

    def reset(self) -> None:
        self._struck.clear()
