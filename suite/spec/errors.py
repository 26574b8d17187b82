"""What is wrong with an input, as one sentence for the person who gave it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

NEAREST = 3  # names that an error suggests
LISTED = 12  # known names that an error lists where none is near
LONGEST = 200  # characters of a name that an error repeats
SHOWN = 60  # characters of a value that an error shows


class BadInput(ValueError):
    """Something the person at the keyboard can mend.  The command line prints its text and exits with 2.

    The text is one printable line whatever it quotes: files and libraries bring newlines and terminal sequences.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """The text as a single line without control characters: line breaks become blanks, the rest `\\x1b`."""
    joined = " ".join(part.strip() for part in str(text).splitlines() if part.strip())
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in joined)


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
    """The error for a name that is not known, with the nearest known ones."""
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=NEAREST, cutoff=0.6)
    near = near or difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    if near:
        quoted = [f"'{one}'" for one in near]
        hint = f"did you mean {', '.join(quoted[:-1])}{' or ' if len(quoted) > 1 else ''}{quoted[-1]}?"
    else:
        more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
        hint = f"known: {', '.join(known[:LISTED]) or 'none'}{more}."
    return BadInput(f"Unknown {kind} '{name if len(name) <= LONGEST else name[:LONGEST] + '...'}'; {hint}")
