"""The pages refer to things that exist: files, links, commands with their options; and they stay readable."""

from __future__ import annotations

import ast
import pkgutil
import re

import pytest

import suite
from suite.__main__ import app
from suite.spec import load_grid
from tests.documentation.pages import PAGES, ROOT, anchors, commands, joined, links, paths, prose
from tests.spec.test_spec import ORDER

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def test_the_readme_fits_on_120_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


@pages
def test_every_path_that_a_page_names_exists(page):
    assert [path for path in paths(page) if not (ROOT / path).exists()] == []


@pages
def test_every_link_leads_to_a_file_and_every_anchor_to_a_heading(page):
    broken = [f"{file}#{anchor}" for file, anchor in links(page) if not file.exists()]
    broken += [f"{file}#{anchor}" for file, anchor in links(page) if anchor and anchor not in anchors(file)]
    assert broken == []


def test_every_page_of_docs_is_linked_from_the_readme():
    linked = {file for file, _ in links(ROOT / "README.md")}
    assert set((ROOT / "docs").glob("*.md")) <= linked


@pytest.mark.slow
@pages
def test_every_command_of_a_page_is_one_that_the_command_line_accepts(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    complaints = []
    for words, complete in commands(page):
        program, *rest = words
        if program == "make":
            variables = dict(word.split("=", 1) for word in rest if "=" in word)
            target = rest[0]
            if target not in targets:
                complaints.append(f"make {target}: no such target")
            if target not in ("sweep", "plan", "status", "report"):
                continue
            grid = variables.get("GRID", "demo")  # make plan GRID=g ARGS=a is suite plan g a
            if grid not in MADE_ON_THE_PAGE:
                load_grid(grid)
            rest = [target, grid, *variables.get("ARGS", "").split()]
        if complaint := refused(rest, complete):
            complaints.append(f"{' '.join(words)}: {complaint}")
    assert complaints == []


MADE_ON_THE_PAGE = ("mine", "places")  # grids that the reader of a page has just written


def refused(words: list[str], complete: bool) -> str:
    """What the command line says against these words, "" when it takes them.  Nothing is run.

    Outside a line to be run, arguments and the values of options may be left out: `suite plan`, `--set`.
    """
    import typer

    command, context = typer.main.get_command(app), None
    if words == ["--help"]:
        return ""
    while True:
        name = words[0] if context else "suite"
        if hasattr(command, "commands"):
            if context is not None:
                words = words[1:]
            context = command.make_context(name, [], parent=context, resilient_parsing=True)
            if not words:
                return "" if not complete else "no command"
            if words[0] not in command.commands:
                return f"no command '{words[0]}'"
            command = command.commands[words[0]]
            continue
        if words[1:] == ["--help"]:
            return ""
        try:
            command.make_context(name, words[1:], parent=context)
        except Exception as error:
            left_out = type(error).__name__ in ("MissingParameter", "BadOptionUsage")
            return "" if left_out and not complete else f"{type(error).__name__}: {error}"
        return ""


@pytest.mark.parametrize(
    ("words", "complete", "accepted"),
    [
        ("sweep demo --frames 8,16", True, True),
        ("sweep demo --frame-count 8", True, False),
        ("sweep --only", False, True),
        ("sweep", True, False),
        ("swep demo", False, False),
        ("probe order tsn-resnet18", True, True),
        ("probe colour tsn-resnet18", True, False),
        ("bench --rounds none", True, False),
    ],
)
def test_a_command_that_does_not_exist_would_be_noticed(words, complete, accepted):
    assert (refused(words.split(), complete) == "") is accepted


def test_the_page_on_python_describes_every_public_name():
    described = re.findall(r"^\| `(\w+)[`(]", (ROOT / "docs" / "python.md").read_text(), re.MULTILINE)
    assert sorted(described) == sorted(suite.__all__)


def test_contributing_names_the_commands_of_ci():
    text = joined("CONTRIBUTING.md")
    commands_of_ci = re.findall(r"^make ([a-z-]+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert commands_of_ci
    assert [target for target in commands_of_ci if f"`make {target}`" not in text] == []


def test_a_refused_option_is_answered_in_whole_sentences(monkeypatch, capsys):
    from suite.__main__ import main

    monkeypatch.setattr("sys.argv", ["suite", "status", "demo", "--data", "x"])
    with pytest.raises(SystemExit):
        main()
    assert (
        capsys.readouterr().err.strip()
        == "suite: No such option: --data (Possible options: --data-set, --watch). See suite status --help."
    )


def test_contributing_lists_the_packages_in_the_order_of_their_imports():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    listed = re.search(r"in this order: (.*?)\. A package", text, re.DOTALL)[1]
    assert re.findall(r"`(\w+)`", listed) == ORDER[: ORDER.index("__main__")]


# what readers stumbled over, and what the field says instead
INSTEAD = {
    r"\breckon": "estimate",
    r"\border-blind": "order-invariant",
    r"\bceilings?\b": "upper bound",
    r"\bembedded (data|sets?)": "synthetic data sets",
    r"\bpair right": "pair accuracy",
    r"\ba row a \w+|one row a \w+|GMACs a clip|s a step": "per",
    r"\bwhole networks?\b": "standalone architectures",
    r"\bextra blocks?\b": "add-on blocks",
    r"epochs seen": "cumulative epochs",
    r"equal to nothing": "never treated as equal",
    r"\bprint counts\b|printed as\b": "counting convention of the paper, name in the paper",
    r"\bto the unit\b": "exactly",
    r"\bholds? (print|it) against": "compares",
}


@pages
def test_a_page_speaks_the_words_of_the_field(page):
    text = re.sub(r"<!-- `suite.*?<!-- end -->", "", prose(page.read_text()), flags=re.DOTALL)  # quoted from a command
    found = {old: new for old, new in INSTEAD.items() if re.search(old, text)}
    assert found == {}


PACKAGES = {
    ".".join(file.parent.relative_to(ROOT).parts): ast.get_docstring(ast.parse(file.read_text()), clean=False) or ""
    for file in sorted((ROOT / "suite").rglob("__init__.py"))
}
LISTED = re.compile(r"^ {4}([a-z_]+(?:\.\w+)*)(?=  | \w|$)", re.MULTILINE)  # at the start of an indented line


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_it_contains_and_what_it_lists_is_there(package):
    assert PACKAGES[package], "no docstring"
    for name in LISTED.findall(PACKAGES[package]):
        among_packages = "." in name and (ROOT / "suite" / name.split(".")[0]).is_dir()
        pkgutil.resolve_name(f"suite.{name}" if among_packages else f"{package}.{name}")  # raises where it is not
