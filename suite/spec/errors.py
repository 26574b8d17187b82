"""What is wrong with an input, as one sentence for the person who gave it."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from typing import Any

NEAREST = 3  # names that an error suggests
FEW = 8  # known names that an error lists where none is similar
LONGEST = 200  # characters of a name that an error repeats
SHOWN = 60  # characters of a value that an error shows


class BadInput(ValueError):
    """Something the person at the keyboard can mend.  The command line prints its text and exits with 2.

    The text is one printable line whatever it quotes: files and libraries bring newlines and terminal sequences.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


class SeveralProblems(BadInput):
    """Problems that are told together, a line each; `head` is the sentence before them."""

    def __init__(self, head: str, problems: Iterable[str]):
        self.head, self.problems = head, tuple(problems)
        told = "; ".join(f"({number}) {problem}" for number, problem in enumerate(self.problems, 1))
        super().__init__(f"{head}: {told}.")

    def __reduce__(self) -> tuple[type[SeveralProblems], tuple[str, tuple[str, ...]]]:
        return type(self), (self.head, self.problems)  # it comes from the process that prepares a sweep

    def lines(self) -> list[str]:
        return [f"{self.head}:", *(f"{number}. {problem}." for number, problem in enumerate(self.problems, 1))]


def shown(value: Any) -> str:
    """A value as an error quotes it: as YAML writes it, cut to SHOWN characters."""
    special = {"None": "null", "True": "true", "False": "false", "inf": ".inf", "-inf": "-.inf", "nan": ".nan"}
    try:
        text = repr(value) if isinstance(value, str | bytes | list | tuple | dict | set) else str(value)
    except ValueError:  # an integer of more digits than Python prints
        text = f"an integer of {value.bit_length()} bits"
    text = text if isinstance(value, str) else special.get(text, text)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def unknown(kind: str, name: str, known: Iterable[str]) -> BadInput:
    """The error for a name that is not known: with the nearest known ones, or all of them where they are few."""
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=NEAREST, cutoff=0.4)
    if near and difflib.SequenceMatcher(None, near[0], name).ratio() >= 0.8:
        near = near[:1]  # a slip of the fingers
    if near:
        *others, last = (f"'{text}'" for text in near)
        hint = f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"
    elif len(known) > FEW:
        hint = f"none of the {len(known)} known names is similar."
    else:
        hint = f"known: {', '.join(known) or 'none'}."
    return BadInput(f"Unknown {kind} '{name if len(name) <= LONGEST else name[:LONGEST] + '...'}'; {hint}")


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
    lines = str(text).replace("\t", " ").splitlines()
    return printable(" ".join(line.strip() for line in lines if line.strip()))
