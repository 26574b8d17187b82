"""The pages that people read, and what a text in them refers to: paths, links, anchors, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "results" / "published" / "README.md",
)


def joined(page: str | Path) -> str:
    """The text of a page of the repository on one line, so that a sentence can be looked up in it."""
    return " ".join((ROOT / page).read_text().split())


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$|^ {4}[^\n]*$", "", text, flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """(file, anchor) of every link of a page to this repository; "" without an anchor."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text())):
        if not re.match(r"[a-z]+:", target):
            file, _, anchor = target.partition("#")
            yield (page.parent / file if file else page).resolve(), anchor


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def paths(page: Path) -> set[str]:
    """Paths that a page names below folders that git keeps, save those that a command of the page makes."""
    text = page.read_text()
    kept = (
        r"(?<![\w/.])((?:tests|experiments|suite|docs|notebooks|results/(?:example|published|benchmarks))/[\w./-]*\w)"
    )
    return set(re.findall(kept, text)) - set(re.findall(r"\bcp \S+ (\S+)", text))


def commands(page: Path) -> Iterator[tuple[list[str], bool]]:
    """Words of every `suite ...` and `make ...` of a page, and whether it stands as a line that one can run."""
    text = page.read_text()
    for line in re.findall(r"^ {4}(?:\.venv/bin/)?((?:suite|make) .*)$", text, re.MULTILINE):
        for command in line.split(" ; "):
            yield shlex.split(command, comments=True), True
    for code in re.findall(r"`(?:\.venv/bin/)?((?:suite|make) [^`]*)`", prose(text)):
        yield shlex.split(code), False
