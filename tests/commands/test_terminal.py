"""What reaches a terminal: single lines of printable text, whatever file names, YAML texts and model names hold."""

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.report.console.plain import PlainConsole, show, table
from suite.report.console.progress import Display
from suite.spec import BadInput, one_line, printable, unknown
from suite.sweep.plan import Selection, make_plan

EVIL = "\x1b]0;title\x07\x1b[2J\x1b[31mred\r\nsuite: all is well\u202e\u2028\x9b5m [bold]x[/bold] [/]"
GRID = "protocol: smoke\ndata: calib_order\nmodels: [tsn-resnet18]\nchain: {frames: [8]}\n"


def harmless(text):
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text.replace("\n", ""))


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_one_line_is_one_printable_line_that_keeps_every_ordinary_letter(text):
    line = one_line(text)
    assert harmless(line)
    assert "\n" not in line
    line.encode()
    ordinary = [c for c in text if c.isalnum()]
    assert [c for c in ordinary if c not in line] == []
    assert printable(line) == line, "escaping twice changes nothing"


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1))
def test_ordinary_words_are_printed_as_they_are(text):
    assert one_line(text) == text


@pytest.mark.parametrize(
    "args",
    [
        ["cost", EVIL],
        ["compare", EVIL, "b"],
        ["explain", EVIL],
        ["plan", EVIL],
        ["plan", "demo", "--only", EVIL],
        ["plan", "demo", "--set", f"{EVIL}=1"],
        ["plan", "demo", "--set", f'init="{EVIL}"'],
        ["report", f"{EVIL}.tar.gz"],
        ["data", "check", EVIL],
        ["eval", EVIL],
        ["sweep", "demo", "--device", EVIL],
        [EVIL],
        ["plan", f"--{EVIL}"],
    ],
    ids=lambda args: " ".join(args)[:18].encode("unicode_escape").decode(),
)
def test_an_error_is_one_line_without_escape_sequences(suite, args, tmp_path, monkeypatch):
    monkeypatch.setenv("SUITE_DATA", str(tmp_path))
    code, out, err = suite(*args)
    assert code == 2
    assert out == ""
    assert err.startswith("suite: ")
    assert err.count("\n") == 1
    assert harmless(err), err


def test_a_grid_file_cannot_write_to_the_terminal(suite, tmp_path):
    for content in (
        f"{json.dumps(EVIL)}: 1\n",
        GRID + f"reference: {json.dumps(EVIL)}\n",
        "a: [\x1b[31m\n",
        GRID + "b: |\n  x\n  y\n",
    ):
        (tmp_path / "evil.yaml").write_text(content)
        code, out, err = suite("plan", tmp_path / "evil.yaml", "--results", tmp_path)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert harmless(err)


@pytest.fixture
def failed(tmp_path):
    """A plan of one run that failed with a hostile message, and a hostile file in its folder."""
    (tmp_path / "mine.yaml").write_text(GRID)
    plan = make_plan(str(tmp_path / "mine.yaml"), Selection(), tmp_path)
    run = plan.runs[0]
    run.folder.create(run.spec)
    run.folder.fail(EVIL, "error")
    (run.folder.path / EVIL.replace("/", "")).write_text("")
    return plan


@pytest.mark.parametrize("command", ["status", "explain"])
def test_stored_messages_and_file_names_are_escaped_in_answers(suite, failed, tmp_path, command):
    asked = {"status": tmp_path / "mine.yaml", "explain": failed.runs[0].id}[command]
    code, out, err = suite(command, asked, "--results", tmp_path)
    assert code == 0
    assert "[bold]x[" in out, "markup is text"
    assert harmless(out + err)
    assert not any(line.startswith("suite: all is well") for line in out.splitlines())


def test_progress_of_a_sweep_shows_an_error_in_one_line(failed, capsys):
    Display(failed, PlainConsole(soft_wrap=True)).event("failed", failed.runs[0])
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "[bold]x[/bold] [/]" in out
    assert harmless(out)


def test_tables_in_a_narrow_terminal_lose_no_digit(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    made = table("model", ">GMACs/clip", ">memory", "~note")
    made.add_row("tsn-inception_v1-tp", "123.456", "11.3 GiB", "a long note that may be folded at its words")
    show(made)
    out = capsys.readouterr().out
    for cell in ("tsn-inception_v1-tp", "123.456", "11.3 GiB", "folded"):
        assert cell in out


def test_an_unknown_name_gets_its_nearest_names_and_never_a_long_list():
    many = [f"calib_order.tsn-resnet{i}.f8.s0-{i:010x}" for i in range(500)]
    for name in ("calib_order.tsn-resnet18", "zzz", ""):
        text = str(unknown("run", name, many))
        assert len(text) < 250, text
    assert "500" in str(unknown("run", "zzz", many))
    assert str(unknown("mode", "c", ["a", "b"])) == "Unknown mode 'c'; known: a, b."
    assert str(unknown("module", "tsn1", ["tsn", "i3d"])) == "Unknown module 'tsn1'; did you mean 'tsn'?"
    assert str(unknown("x", "tan", ["tam", "tsn", "slow"])) == "Unknown x 'tan'; did you mean 'tsn' or 'tam'?"
    assert isinstance(unknown("x", "y", []), BadInput)
