"""The help of every command: complete, grouped by task, no first line cut."""

import re

import pytest
import typer

import suite.__main__  # noqa: F401  registers the commands
from suite.commands.options import PANELS, app

ROOT = typer.main.get_command(app)


def commands(group=ROOT, path=("suite",)):
    """Every command with its path, subcommands included."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


ALL = dict(commands())
LEAVES = {path: command for path, command in ALL.items() if not hasattr(command, "commands")}
named = pytest.mark.parametrize("path", LEAVES, ids=" ".join)


@named
def test_every_option_and_argument_has_a_sentence(path):
    for parameter in LEAVES[path].params:
        text = parameter.help or ""
        assert re.search(r"\w \w.*\.$", text, re.S), f"{' '.join(path)} {parameter.name}: {text!r}"


@named
def test_every_command_ends_with_examples_that_its_parser_takes(path):
    examples = [line.split("  ")[0].split() for line in (LEAVES[path].epilog or "").split("\n  ") if "suite" in line]
    assert examples
    for words in examples:
        assert tuple(words[: len(path)]) == path, words
        LEAVES[path].make_context(path[-1], words[len(path) :])


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_first_line_is_one_whole_sentence(path, suite):
    short = ALL[path].get_short_help_str(limit=1000)
    assert short.endswith("."), short
    assert "…" not in short
    assert not short.endswith("..")


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("group", [(), ("data",), ("probe",)], ids=str)
def test_lists_of_commands_are_not_cut(suite, group, width):
    code, out, _ = suite(*group, "--help", width=width)
    assert code == 0
    listed = {path[-1]: command for path, command in ALL.items() if path[:-1] == ("suite", *group)}
    for name, command in listed.items():
        assert re.search(rf"^  {name} +{re.escape(command.get_short_help_str(1000))}$", out, re.M), name
    assert "…" not in out
    assert "..." not in out.replace("[ARGS]...", "").replace("NAME...", "")
    assert max(map(len, out.splitlines())) <= width


def test_commands_stand_under_their_task(suite):
    _, out, _ = suite("--help")
    titles = [f"{panel}:" for panel in PANELS]
    assert [line for line in out.splitlines() if line in titles] == titles
    assert out.index("Run experiments:") < out.index("  sweep ") < out.index("Look at results:")
    assert {command.rich_help_panel for path, command in ALL.items() if len(path) == 2} == set(PANELS)


@pytest.mark.parametrize("group", [(), ("data",), ("probe",)], ids=str)
def test_a_group_alone_shows_its_help_with_exit_code_0(suite, group):
    assert suite(*group) == suite(*group, "--help")
    assert suite(*group)[0] == 0


def test_an_unknown_command_or_option_names_the_nearest(suite):
    for args, near in ((["swep", "demo"], "'sweep'"), (["plan", "demo", "--onyl", "x"], "--only")):
        code, out, err = suite(*args)
        assert (code, out) == (2, "")
        assert near in err
        assert err.count("\n") == 1
