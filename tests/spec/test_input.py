"""Wrong input is refused where it is read, in one sentence; duplicates are found under any spelling."""

import json
import sys

import pytest

from suite.__main__ import main
from suite.data.formats import something
from suite.spec import BadInput, load_grid, load_protocol, parse_yaml, read_json, read_yaml, unknown
from suite.store.identity import RunSpec
from suite.store.shapes import is_result
from suite.sweep.plan import Selection, make_plan

GRID = "protocol: smoke\ndata: [calib_order]\nmodels: [tam-resnet18]\nchain: {frames: [8]}\n"


def planned(tmp_path, text, **selection):
    (tmp_path / "mine.yaml").write_text(text)
    return make_plan(str(tmp_path / "mine.yaml"), Selection(**selection), tmp_path, costs=False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("chain", "axes: {seed: [1, 1]}\nchain"),
        ("[8]", "[8, 8]"),
        ("[tam-resnet18]", "[tam-resnet18, 'tam-resnet18 ']"),
        ("[tam-resnet18]", "[tam-resnet18]\naxes: {module: [tam], backbone: [resnet18]}"),
        ("[tam-resnet18]", "['tsn-resnet18+rcca@r=2,structure=b', 'tsn-resnet18+rcca@structure=b,r=2']"),
        ("[tam-resnet18]", "[tsn-resnet18-tp, tsn-resnet18-tp@tp=published]"),
        ("[calib_order]", "[calib_order, ' calib_order']"),
        ("chain", "tables: [cost, cost]\nchain"),
    ],
)
def test_duplicates_are_refused_when_a_grid_is_loaded(tmp_path, old, new):
    (tmp_path / "mine.yaml").write_text(GRID.replace(old, new))
    with pytest.raises(BadInput, match=r"lists the same .* twice"):
        load_grid(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[calib_order]", "[calib_order, calib_order@level=easy]"),
        ("[tam-resnet18]", "[tam-resnet18, tam-resnet18@sites=all]"),
        ("[tam-resnet18]", "[tsn-resnet18+rcca, tsn-resnet18+rcca@r=3]"),
    ],
)
def test_duplicates_by_canonical_name_are_refused_when_a_grid_is_planned(tmp_path, old, new):
    with pytest.raises(BadInput, match=r"lists the same .* twice as '.*' and as '.*'; list it once"):
        planned(tmp_path, GRID.replace(old, new))


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("weight_decay=.inf", "Invalid value .inf of 'weight_decay' in protocol smoke with --set"),
        ("gamma=.nan", "Invalid value .nan of 'gamma'"),
        ("lr=2024-99-99", "The value of --set lr=2024-99-99 is not valid YAML: month must be in 1..12"),
        ("lr=!!bool x", "a value does not have the type that its tag states"),
        ("epochs=true", "Invalid value true of 'epochs'"),
        ("evaluation.crops=true", "Invalid value true of 'evaluation.crops'"),
        ("batch=16.0", "Invalid value 16.0 of 'batch'"),
        ("size=99999999999999999999", "less than or equal to 4096"),
        ("name=x", "Unknown key in --set 'name'"),
        ("evaluation={clips: 1, clips: 2}", "duplicate key 'clips'"),
    ],
)
def test_a_wrong_value_of_set_is_one_sentence_and_exit_code_2(item, words, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["suite", "status", "demo", "--set", item, "--results", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        main()
    lines = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2
    assert len(lines) == 1
    assert words in lines[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("chain", "set: {weight_decay: .inf}\nchain"),
        ("chain", "set: {lr: .nan}\nchain"),
        ("[8]", "[true]"),
        ("[8]", "[8.0]"),
        ("[8]", "['8']"),
        ("chain", "axes: {seed: [-1]}\nchain"),
        ("chain", "axes: {seed: []}\nchain"),
        ("chain", "axes: {module: [tam]}\nchain"),
        ("chain", "title: 3\nchain"),
        ("[calib_order]", "[]"),
    ],
)
def test_values_of_another_type_or_out_of_range_are_refused(tmp_path, old, new):
    with pytest.raises(BadInput, match=r"Invalid value|In grid mine\.yaml"):
        planned(tmp_path, GRID.replace(old, new))


def test_numbers_in_scientific_notation_are_numbers_with_and_without_a_dot():
    found = [load_protocol("smoke").stage(False, {"lr": parse_yaml(text, "x")}).lr for text in ("1e-3", "1.0e-3")]
    assert found == [0.001, 0.001]


def test_a_key_given_twice_is_refused_and_a_merged_one_may_be_overridden(tmp_path):
    with pytest.raises(BadInput, match="duplicate key 'data'"):
        planned(tmp_path, GRID + "data: calib_scene\n")
    assert parse_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}", "x")["b"] == {"x": 3, "y": 2}


def test_a_shard_without_a_chain_is_refused(tmp_path):
    assert len(planned(tmp_path, GRID, shard=(1, 99)).runs) == 1
    with pytest.raises(BadInput, match="Shard 9/99 is empty: the selection has 1 chains"):
        planned(tmp_path, GRID, shard=(9, 99))


@pytest.mark.parametrize("label", ["Infinity", "1e999", "0.5", "true", "null", "-1", '"x"', '"0.5"', "[0]", "9" * 5000])
def test_a_label_is_a_whole_number(tmp_path, label):
    (tmp_path / "labels").mkdir()
    (tmp_path / something.VIDEOS).mkdir()
    (tmp_path / "labels" / "labels.json").write_text(f'{{"up": {label}, "down": "1"}}')
    with pytest.raises(BadInput, match=r"labels\.json"):
        something.read_classes(something.find(tmp_path))
    (tmp_path / "labels" / "labels.json").write_text('{"up": 0, "down": "1"}')
    assert something.read_classes(something.find(tmp_path)) == ("up", "down")


def test_json_with_a_key_twice_is_refused(tmp_path):
    (tmp_path / "x.json").write_text('[{"id": "1", "id": "2"}]')
    with pytest.raises(BadInput, match="duplicate key 'id'"):
        read_json(tmp_path / "x.json")


GOOD = {"top1": 50.0, "n": 4, "per_class": {"up": 50.0, "down": None}, "videos": {"train": 8}, "manifests": {}}
WRONG = [("top1", value) for value in ("1e999", "-5", "250", "NaN", "true", '"50"')]
WRONG += [("manifests", "3"), ("n", "3.5"), ("n", "1" + "0" * 400), ("per_class", '{"up": 1e999}')]
WRONG += [("per_class", '{"up": "x"}'), ("videos", '{"train": ""}'), ("videos", '{"train": -1}')]


@pytest.mark.parametrize(("key", "text"), WRONG)
def test_a_result_has_accuracies_in_percent_and_whole_counts(key, text):
    assert is_result(GOOD)
    assert not is_result(GOOD | {key: json.loads(text)})


def test_an_error_is_one_printable_line_whatever_it_quotes():
    for error in (BadInput("a\n  b\x1b[31m\u202e\ud800 c"), unknown("grid", "x\n\x1b]0;t\x07", ["y"])):
        assert str(error).isprintable()
        assert str(error).encode()
    assert str(BadInput("a\n  b")) == "a b"


def test_an_error_names_the_nearest_and_never_all(tmp_path):
    known = [f"run-{i:03}" for i in range(300)]
    assert str(unknown("run", "rum-0", known)).count("run-") == 3
    assert str(unknown("run", "run-01", known)).count("run-") == 1 + 1, "a slip of the fingers has one name"
    assert len(str(unknown("run", "zzzz", known))) < 200
    assert str(unknown("run", "zzzz", known)).endswith("none of the 300 known names is similar.")


def test_yaml_in_another_encoding_is_one_sentence(tmp_path):
    (tmp_path / "x.yaml").write_bytes("title: é".encode("latin-1"))
    with pytest.raises(BadInput, match=r"x\.yaml is not valid YAML"):
        read_yaml(tmp_path / "x.yaml", "Grid")


def test_a_weights_file_is_hashed_once_for_all_runs_of_a_plan_and_again_when_it_changes(tmp_path, monkeypatch):
    from suite.spec import weight_sources

    hashed, whole = [], weight_sources.file_sha256
    monkeypatch.setattr(weight_sources, "file_sha256", lambda path: hashed.append(path) or whole(path))
    file = tmp_path / "w.pt"
    file.write_bytes(b"one")
    runs = planned(tmp_path, GRID + "axes: {seed: [0, 1, 2]}\n", set={"init": str(file)}).runs
    assert len(runs) == 3
    assert len({run.spec.weights_sha256 for run in runs}) == len(hashed) == 1
    file.write_bytes(b"other")
    again = RunSpec("tam-resnet18", "calib_order", 8, 0, runs[0].spec.protocol)
    assert (len(hashed), again.weights_sha256 == runs[0].spec.weights_sha256) == (2, False)
