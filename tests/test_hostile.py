"""Files that were damaged or written to do harm: one sentence, exit code 2, and nothing outside the results."""

import json
import math

import numpy as np
import pytest

from suite.analysis.predictions import Outcome, aligned, read_predictions
from suite.commands.options import print_json
from suite.report.formats import Column, Part, Table, to_latex
from suite.spec import BadInput, read_yaml
from suite.store.folder import RunFolder
from suite.sweep.archived import archived_plan

IDS = np.array(["a", "b", "c"])


@pytest.mark.parametrize("text", ["a: 2024-99-99", '!!int "x"', "[" * 3000, "a: !!python/object:os.system x", "\x00"])
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
    if (field, name) == ("id", 3):
        return  # "3" is a name like another
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(BadInput, match="not an unpacked archive"):
        archived_plan(tmp_path / "results")


def _spec():
    from tests.test_fairness import spec

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
        with pytest.raises(BadInput, match="no names to match"):
            aligned(*pair)
    ours = Outcome(IDS, np.array([0, 1, 1]), np.array([0, 1, 1]), ("x", "y"))
    numbers = Outcome(IDS, np.array([0, 1, 0]), None)
    assert [list(right) for right in aligned(ours, numbers)] == [[True] * 3, [True, True, False]]
    assert [list(right) for right in aligned(numbers, ours)] == [[True, True, False], [True] * 3]
