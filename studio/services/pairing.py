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
    for kind, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        for into, piece in ((left, "".join(a[i:j])), (right, "".join(b[k:m]))):
            if piece:
                into.append((piece, kind != "equal" and bool(piece.strip())))
    return left, right
