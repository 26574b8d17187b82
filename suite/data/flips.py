"""What a horizontal flip does to a label."""

from __future__ import annotations

import re

# what a mirror makes of a word; Jester turns hands clockwise and counterclockwise
MIRRORS = {
    "left": "right",
    "right": "left",
    "clockwise": "counterclockwise",
    "counterclockwise": "clockwise",
    "anticlockwise": "clockwise",
}


def mirrored(classes: tuple[str, ...]) -> dict[int, int | None]:
    """label -> label after a horizontal flip, by class name: a word becomes its mirror's (MIRRORS).

    None where the mirrored class is not in the set (Mini-SSV2 holds one of each pair): such a clip is never flipped.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    return {number: numbers.get(swap_sides(name)) for name, number in numbers.items()}


def swap_sides(name: str) -> str:
    """'Pulling something from left to right' -> 'Pulling something from right to left'; keeps capitals."""

    def swap(match: re.Match[str]) -> str:
        word, other = match[0], MIRRORS[match[0].lower()]
        return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other

    return re.sub(rf"\b({'|'.join(MIRRORS)})\b", swap, name, flags=re.IGNORECASE)
