"""What differs between two texts, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

Piece = tuple[str, bool]  # words as they stand, and whether the other text does not have them
_WORDS = re.compile(r"\s+|[\w'’-]+|[^\w\s]")
MOST = 4000  # words; longer texts are shown whole, because comparing them takes seconds


def words(first: str, second: str) -> tuple[Sequence[Piece], Sequence[Piece]]:
    """Both texts in pieces; joined again they are the texts."""
    a, b = _WORDS.findall(first), _WORDS.findall(second)
    if len(a) + len(b) > MOST:
        return [(first, first != second)], [(second, first != second)]
    left: list[Piece] = []
    right: list[Piece] = []
    steps = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    for at, (kind, i, j, k, m) in enumerate(steps):
        # A blank between two words that differ belongs to them: marked in one piece, they read as one change.
        between = kind == "equal" and not "".join(a[i:j]).strip() and 0 < at < len(steps) - 1
        for into, piece in ((left, "".join(a[i:j])), (right, "".join(b[k:m]))):
            _add(into, piece, changed=kind != "equal" or between)
    return left, right


def _add(into: list[Piece], piece: str, *, changed: bool) -> None:
    """One more piece, joined to the one before where both differ or both do not."""
    if into and into[-1][1] == changed:
        into[-1] = (into[-1][0] + piece, changed)
    elif piece:
        into.append((piece, changed))
