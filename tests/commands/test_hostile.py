"""Files that were damaged or written to do harm: one sentence, exit code 2, and nothing outside the results."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from suite.commands.options import print_json
from suite.evaluation.own_predictions import read_own
from suite.evaluation.predictions import Outcome, aligned, read_predictions
from suite.report.tables.rendering.formats import to_csv, to_html, to_latex, to_markdown
from suite.report.tables.rendering.table import Column, Estimate, Part, Table
from suite.spec import BadInput, read_yaml
from suite.store.folder import RunFolder
from suite.sweep.archived import archived_plan
from suite.sweep.planned_run import PlannedRun
from suite.sweep.summary import known_issues, row, timing
from tests.builders import call_suite, spec
from tests.report.latex import compiled, needs_latex

IDS = np.array(["a", "b", "c"])


LAUGHS = "a: &a [1]\n" + "\n".join(f"b{i}: &b{i} [*{x}, *{x}]" for i in range(60) for x in [f"b{i - 1}" if i else "a"])
YAMLS = ["a: 2024-99-99", '!!int "x"', "[" * 3000, "a: !!python/object:os.system x", "\x00", "&x [*x]", "a: &x {b: *x}"]


@pytest.mark.parametrize("text", [*YAMLS, '!!int ""', '!!bool "x"', '!!timestamp "x"', LAUGHS])
def test_yaml_that_cannot_be_read(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"x\.yaml is not valid YAML"):
        read_yaml(path, "Grid")


@pytest.mark.parametrize("text", ["", "- 1", "model: tsn", "{", "model: [1\n"])
def test_a_damaged_spec(tmp_path, text):
    (tmp_path / "spec.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"spec\.yaml is damaged|does not hold|lacks"):
        RunFolder(tmp_path).spec()


@pytest.mark.parametrize("text", ["[]", "3", "{", "null", '"x"'])
def test_a_damaged_result(tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    if text == "null":
        assert RunFolder(tmp_path).result() is None
        return
    with pytest.raises(BadInput, match=r"result\.json"):
        RunFolder(tmp_path).result()


@pytest.mark.parametrize("name", ["../../../experiments/demo", "..", "a/b", 3, ""])
@pytest.mark.parametrize("field", ["grid", "id"])
def test_an_archive_cannot_name_a_place_outside_the_results(tmp_path, name, field):
    run = {"id": "r", "parent": None, "matches": 0, "spec": _spec()}
    plan = {"grid": "g", "selection": {"only": [], "frames": [], "set": {}, "shard": None}, "runs": [run]}
    (plan if field == "grid" else run)[field] = name
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(BadInput, match="not an unpacked archive"):
        archived_plan(tmp_path / "results")


def _spec():
    return spec().resolved()


def test_json_has_null_for_what_is_not_known(capsys):
    print_json({"a": math.nan, "b": [np.float64("inf"), np.int64(3)], "c": (1.5, None)})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 3], "c": [1.5, None]}


def test_names_from_anywhere_make_latex_that_compiles():
    table = Table("t", "日本 \x07 é $x$", "n", (Column("a", "a", text=True),), [Part("", [("名\x1bü",)])])
    text = to_latex(table)
    assert "名" not in text
    assert "\x1b" not in text
    assert "ü" in text


def test_numbers_with_names_beside_them_need_the_list_of_classes(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text('id,logits,label\na,"[1, 0]",cat\nb,"[0, 1]",dog\n')
    with pytest.raises(BadInput, match="needs 'classes'"):
        read_predictions(path)
    assert list(read_predictions(path, ["dog", "cat"]).correct()) == [False, False]


def test_named_and_nameless_classes_are_refused_in_both_orders():
    named = Outcome(IDS, np.array([0, 1, 1]), None, ("x", "y"), named=True)
    bare = Outcome(IDS, np.array([0, 1, 1]), np.array([0, 1, 1]))
    for pair in ((named, bare), (bare, named)):
        with pytest.raises(BadInput, match="no class names"):
            aligned(*pair)
    ours = Outcome(IDS, np.array([0, 1, 1]), np.array([0, 1, 1]), ("x", "y"))
    numbers = Outcome(IDS, np.array([0, 1, 0]), None)
    assert [list(right) for right in aligned(ours, numbers)] == [[True] * 3, [True, True, False]]
    assert [list(right) for right in aligned(numbers, ours)] == [[True, True, False], [True] * 3]


# --- more shapes of the same kinds --------------------------------------------------------------------------------


def test_classes_listed_for_names_in_a_file_give_their_numbers_an_order(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("id,prediction\na,cat\nb,dog\nc,dog\n")
    bare = Outcome(IDS, np.array([1, 0, 0]), np.array([1, 0, 1]))
    listed, alone = read_predictions(path, ["dog", "cat"]), read_predictions(path)
    assert [list(right) for right in aligned(listed, bare)] == [[True, True, False]] * 2
    assert listed.in_order_of(None, "p") is listed
    for act in (lambda: aligned(alone, bare), lambda: aligned(bare, alone), lambda: alone.in_order_of(None, "p")):
        with pytest.raises(BadInput, match="no class names"):
            act()


BAD_TABLES = {
    "row 2 has no label": {"label": pd.array([1, None], dtype="Int64")},
    "row 1 has no label": {"label": [None, "cat"]},
    "is not one of the known classes": {"label": [[1, 2], [2, 3]]},
    "'1e\\+30' is not one": {"label": [1e30, 1.0]},
    "logits that are not numbers": {"logit_0": ["x", "1"]},
    "no list of logits": {"logits": ["[" * 100_000, "[1]"]},
    "not a list of numbers": {"logits": ["[[1], [2]]", "[[1], [2]]"]},
    "needs 'classes'": {"prediction": [0, 1], "label": ["cat", "dog"]},
}


@pytest.mark.parametrize("why", BAD_TABLES)
def test_predictions_of_odd_types(tmp_path, why):
    path = tmp_path / "p.parquet"
    pd.DataFrame({"id": ["a", "b"], **BAD_TABLES[why]}).to_parquet(path)
    with pytest.raises(BadInput, match=why) as caught:
        read_predictions(path)
    assert "\n" not in str(caught.value)


def test_our_own_predictions_of_another_shape(tmp_path):
    pd.DataFrame({"id": ["a", "b"], "logits": [1.0, 2.0]}).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(BadInput, match=r"is (missing|damaged)"):
        read_own(tmp_path / "p.parquet")


@pytest.mark.parametrize(("key", "value"), [("model", 3), ("frames", "8"), ("parent", [1]), ("protocol", 3)])
def test_a_spec_with_values_of_other_types_names_its_file(tmp_path, key, value):
    (tmp_path / "spec.yaml").write_text(json.dumps(_spec() | {key: value}))
    with pytest.raises(BadInput, match=r"spec\.yaml is damaged"):
        RunFolder(tmp_path).spec()


HISTORY = [b"3\n", b"[]\n", b'{"epoch": Infinity}\n', b'{"epoch": 0, "seconds": "x"}\n', b"\xff\n"]
FILES = [
    *(("history.jsonl", text, lambda run: run.folder.read_history()) for text in HISTORY),
    *(("error.json", text, lambda run: run.folder.error()) for text in (b"[]", b"3", b'{"x": 1}', b"[" * 100_000)),
    *(("provenance.json", text, timing) for text in (b"[]", b'{"sessions": [3]}', b'{"sessions": {"a": 1}}')),
    ("provenance.json", b'{"sessions": [{"cudnn": "9"}]}', lambda run: known_issues(_Plan([run]))),
    *(("result.json", text, row) for text in (b"[" * 100_000, b'{"id": "RUN"}')),
]


class _Plan:
    def __init__(self, runs):
        self.runs = runs


@pytest.mark.parametrize(("name", "text", "read"), FILES)
def test_our_own_files_of_another_shape_are_named(tmp_path, name, text, read):
    folder = RunFolder(tmp_path / spec().id)
    folder.create(spec())
    (folder.path / name).write_bytes(text.replace(b"RUN", folder.id.encode()))
    with pytest.raises(BadInput, match=name.replace(".", r"\.") + " is damaged"):
        read(PlannedRun(spec(), folder))


def test_a_history_line_that_a_kill_cut_short_is_passed_over(tmp_path):
    (tmp_path / "history.jsonl").write_text('{"epoch": 0, "seconds": 1.5}\n{"epo')
    assert RunFolder(tmp_path).read_history() == [{"epoch": 0, "seconds": 1.5}]


PLANS = [("parent", []), ("parent", 3), ("parent", "zz"), ("matches", math.inf), ("matches", 1.5), ("id", None)]
SELECTION = {"only": [], "frames": [], "set": {}, "shard": None}


@pytest.mark.parametrize(("key", "value"), [*PLANS, ("spec", 3), ("spec", _spec() | {"model": 3})])
def test_an_archive_with_values_of_other_types(tmp_path, key, value):
    run = {"id": "r", "parent": None, "matches": 0, "spec": _spec(), key: value}
    (tmp_path / "plan.json").write_text(json.dumps({"grid": "g", "selection": SELECTION, "runs": [run]}))
    with pytest.raises(BadInput, match="not an unpacked archive"):
        archived_plan(tmp_path / "results")


@pytest.mark.parametrize("change", [{"frames": ["a"]}, {"only": [1]}, {"shard": [1]}, {"set": 3}])
def test_an_archive_with_an_odd_selection_or_a_hidden_grid(tmp_path, change):
    for plan in ({"grid": "g", "selection": SELECTION | change, "runs": []}, {"grid": ".g", "selection": SELECTION}):
        (tmp_path / "plan.json").write_text(json.dumps({"runs": []} | plan))
        with pytest.raises(BadInput, match="not an unpacked archive"):
            archived_plan(tmp_path / "results")


def test_json_of_arrays(capsys):
    print_json({"a": np.array([1.0, math.nan])})
    assert json.loads(capsys.readouterr().out) == {"a": [1.0, None]}


def named(text):
    columns = (Column("a", "a", text=True), Column("b", "b"))
    return Table("t", "Title", "n", columns, [Part("", [(text, Estimate(1.0, 0.5, 1.5))])])


def test_control_characters_are_in_no_format_and_names_are_no_links():
    table = named("a\x00b\x1b\x9fc\ud800 [x](http://h) ![y][z] [w]: h")
    for made in (to_markdown(table), to_latex(table), to_csv(table), to_html(table)):
        assert "abc" in made
        assert made.encode()  # half a letter cannot be written
    text = to_markdown(table)
    assert r"[x]\(http://h) ![y]\[z] [w]\: h" in text
    assert "1.0 [0.5, 1.5]" in text


@needs_latex
def test_pdflatex_takes_every_letter_that_is_left(tmp_path):
    signs = "".join(map(chr, [*range(0x21, 0x250), *range(0x300, 0x500), 0x1E9E, 0x65E5, 0x1F600]))
    words = " ".join(signs[i : i + 8] for i in range(0, len(signs), 8))
    (tmp_path / "t.tex").write_text(to_latex(named(words)))
    compiled([tmp_path / "t.tex"], tmp_path)
    assert "é ü ß ŷ" in to_latex(named("e\u0301 ü ß ŷ"))
    assert "é ü ß ŷ" in to_latex(named("é ü ß ŷ 日本 \x07"))


def test_a_dollar_in_a_label_is_a_dollar(tmp_path):
    from matplotlib.figure import Figure

    from suite.report.figures.look import dot, legends, styled

    @styled
    def draw():
        figure = Figure(layout="constrained")
        figure.add_subplot().set_title(r"$\nonsense{$")
        legends(figure, ("$^", [dot(22, r"$\frac$", "o", "#444444")]))
        figure.savefig(tmp_path / "x.png")

    draw()


@pytest.mark.parametrize("words", [("report", "--videos", -3), ("layout", "--batch", 0), ("layout", "--batch", "2,-1")])
def test_benchmarks_of_nothing(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        call_suite("bench", *words)
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
