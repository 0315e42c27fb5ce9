"""Text that comes from anywhere (an instruction, a file name, a model), made safe to show."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Sequence

BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of the text behind them."""
LOST = "\ufffd"


def obeyed(character: str) -> bool:
    """Whether a terminal or a browser would obey this character instead of showing it."""
    return unicodedata.category(character) == "Cc" or character in BIDI


def printable(text: str) -> str:
    """`text` with U+FFFD for control characters and for those that turn the direction of text.

    Line feeds and tabs stay.
    """
    return "".join(LOST if obeyed(c) and c not in "\n\t" else c for c in text)


def shell_line(words: Sequence[str]) -> str:
    """One line for a shell that means exactly these words, and can be shown: Bash's `$'...'`
    spells control characters out."""
    return " ".join(
        _spelled(word) if any(map(obeyed, word)) else shlex.quote(word) for word in words
    )


def _spelled(word: str) -> str:
    escaped = re.sub(r"[\\']", lambda found: "\\" + found[0], word)
    return "$'" + "".join(f"\\u{ord(c):04x}" if obeyed(c) else c for c in escaped) + "'"
