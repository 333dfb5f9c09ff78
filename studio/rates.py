"""How often one account, or one address that is not signed in, may do what costs something: data, and its setting.

A limit's window is fixed to the clock: 60 seconds begin with each minute of the database's clock, so at a window's
edge twice as many may pass. Who is signed in is counted by account; everybody else by the client's address, which many
people behind one router share. So these limits are wide: they stop machines, never an office. No window is longer than
a day, because what is counted under an address is kept as long as its window.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

LONGEST_SECONDS = 86_400
EVERY = "all"


@dataclass(frozen=True)
class Rate:
    """At most `most` in each window of `seconds`; `what` fits after "Too many"."""

    most: int
    seconds: int
    what: str


DEFAULTS: Mapping[str, Rate] = {
    # By address: nobody is signed in there yet. A sign-in with a provider counts twice, on the way there and back.
    "signin": Rate(300, 600, "sign-in attempts"),
    "link": Rate(120, 600, "one-time links"),  # opened: sign-in, a new address, taking one back
    "join": Rate(120, 600, "answers"),
    "socket": Rate(600, 60, "open pages"),  # of people who are not signed in
    # By account, or by address where nobody is signed in.
    "consent": Rate(60, 600, "answers"),
    "usage": Rate(600, 60, "counts"),  # only of who allowed counting
    # By account.
    "reauth": Rate(30, 600, "confirmations"),
    "link_provider": Rate(20, 3600, "requests to link a provider"),
    "email_change": Rate(20, 3600, "changes of your address"),
    "submit": Rate(60, 60, "requests for pictures and clips"),
    "upload": Rate(60, 60, "uploads"),
    "preset": Rate(60, 60, "presets"),
    "keep": Rate(300, 60, "changes of your library"),  # ratings, labels, trash, moves, workspaces
    "library": Rate(600, 60, "looks at the library"),  # that read all of it: scrolling goes on in what was read
    "zip": Rate(30, 60, "downloads of your files"),
    "csv": Rate(30, 60, "downloads of your spend"),
    "export": Rate(5, 3600, "exports"),
    "erasure": Rate(10, 3600, "deletion requests"),
}


def parse(value: str) -> Mapping[str, Rate]:
    """The limits in force: the defaults, with what a setting such as `submit=120/60,all=1000/60` says instead.

    `all` stands for every limit that is not named.

    Raises:
        ValueError: the first part that does not fit, as a sentence.
    """
    found = dict(DEFAULTS)
    given: dict[str, tuple[int, int]] = {}
    for part in (part.strip() for part in value.split(",") if part.strip()):
        fits = re.fullmatch(r"([a-z_]+)=(\d{1,9})/(\d{1,5})", part)
        if not fits or not (int(fits[2]) and 1 <= int(fits[3]) <= LONGEST_SECONDS):
            raise ValueError(f"expected parts such as submit=60/60 (60 in 60 seconds, at most a day), got {part!r}")
        if fits[1] not in (*DEFAULTS, EVERY):
            raise ValueError(f"expected one of {', '.join(DEFAULTS)} or {EVERY}, got {fits[1]!r}")
        given[fits[1]] = int(fits[2]), int(fits[3])
    for name, rate in DEFAULTS.items():
        most, seconds = given.get(name) or given.get(EVERY) or (rate.most, rate.seconds)
        found[name] = replace(rate, most=most, seconds=seconds)
    return found
