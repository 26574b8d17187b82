"""What is wrong with an input, as one sentence for the person who gave it."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

FEW = 8  # names that an error lists when none is similar


class BadInput(ValueError):
    """Something the person at the keyboard can mend; its text is one sentence. The command line exits with 2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> BadInput:
    """The error for a name that is not known: with the nearest known ones, or all of them where they are few."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    if near and difflib.SequenceMatcher(None, near[0], name).ratio() >= 0.8:
        near = near[:1]  # a slip of the fingers
    if near:
        *others, last = (f"'{text}'" for text in near)
        hint = f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"
    elif len(known) > FEW:
        hint = f"none of the {len(known)} known names is similar."
    else:
        hint = f"known: {', '.join(known) or 'none'}."
    return BadInput(f"Unknown {kind} '{name}'; {hint}")


def printable(text: str, keep: str = "") -> str:
    r"""The text with control characters, line separators and half letters escaped (`\x1b`), save those in `keep`.

    File names, YAML texts and model names come from anywhere; printed raw, they could move the cursor, colour or
    overwrite what a terminal shows.
    """
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) in hidden and letter not in keep
        else letter
        for letter in text
    )  # fmt: skip


def one_line(text: str) -> str:
    """The text as one printable line: line breaks and tabs become blanks, other control characters are escaped."""
    return printable(" ".join(line.strip() for line in text.replace("\t", " ").splitlines() if line.strip()))
