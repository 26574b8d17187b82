"""What a person types for a result is resolved in one way, whatever the command."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.__main__ import main
from suite.collect.resolve import read_results, resolve, resolve_grid, resolve_run
from suite.spec import BadInput
from suite.store.evaluations import planned_tests, predictions_of, result_of
from suite.store.run_names import begins
from tests.collect.finished_runs import run_spec, write_run

ROOT = Path(__file__).parents[2]
BLOCK = "tsm-resnet18+rcca@at=conv4_1,r=4"
PUBLISHED = "published.mini_ssv2.tam-resnet50.f8"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """results/mine: models whose names begin alike, two frame counts of one, three seeds of another."""
    results = tmp_path_factory.mktemp("home") / "results"
    specs = {"tp": run_spec("tsn-resnet18-tp"), "tsn": run_spec(), "f80": run_spec(frames=80)}
    specs |= {f"tam{seed}": run_spec("tam-resnet18", seed=seed) for seed in (0, 1, 2)}
    specs["block"] = run_spec(BLOCK)
    specs["plain"] = run_spec("tsm-resnet18")
    return results, {key: write_run(results, spec).id for key, spec in specs.items()}


@pytest.fixture
def command(capsys, monkeypatch, made):
    """Exit code, JSON document (or None) and standard error of a command on `results`."""

    def run(*args, results=made[0]):
        monkeypatch.setattr(sys, "argv", ["suite", *map(str, args), "--results", str(results), "--json"])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return stop.value.code, json.loads(printed.out) if printed.out else None, printed.err

    return run


FORMS = {
    "id": "{id}",
    "beginning": "calib_order.tsn-resnet18.f8",
    "beginning, cut in the hash": "{cut}",
    "default written out": "calib_order.tsn-resnet18@sites=all.f8",
    "pattern": "*tsn-resnet18.f8.*",
    "folder": "{folder}",
    "file": "{folder}/predictions.parquet",
    "cell": "mine:calib_order/tsn-resnet18/f8",
    "cell, default written out": "mine:calib_order/tsn-resnet18@sites=all/f8",
    "pattern of a grid": "mine:*/tsn-resnet18/f8",
    "id in a grid": "mine:{id}",
}


def typed(form, results, run):
    return FORMS[form].format(id=run, cut=run[:-4], folder=results / "mine" / "runs" / run)


@pytest.mark.parametrize("form", FORMS)
def test_every_command_finds_the_same_run_by_every_form(made, command, monkeypatch, form):
    results, ids = made
    asked, found = typed(form, results, ids["tsn"]), []

    def tested(runs, *args, **options):
        found.extend(run.folder.id for run in runs)
        return {"ok": True, "runs": []}

    def retested(run, *args, **options):
        found.append(run.id)
        return [{"model": "x"}]

    monkeypatch.setattr("suite.sweep.verify.verify_runs", tested)
    monkeypatch.setattr("suite.evaluation.retest.evaluate_run", retested)
    monkeypatch.setattr("suite.evaluation.perturbed.probe_run", lambda run, *args, **options: found.append(run.id))
    explained = command("explain", asked)[1]
    compared = command("compare", asked, ids["tp"])[1]
    for args in (("verify", asked), ("eval", asked), ("probe", "shuffle", asked), ("probe", "freeze", asked)):
        assert command(*args)[0] == 0
    assert [run["id"] for run in explained["runs"]] == [compared["a"]] == [ids["tsn"]]
    assert found == [ids["tsn"]] * 4


PARTS = st.tuples(
    st.sampled_from(["calib_order", "calib", "calib_order2"]),
    st.sampled_from(["tsn-resnet18", "tsn-resnet18-tp", "tsn-resnet18+rcca", "tsn-resnet18+rcca.r=3", "tsn-resnet1"]),
    st.sampled_from([1, 8, 16, 80]),
    st.sampled_from([0, 1, 10]),
)


@given(PARTS, PARTS, st.integers(1, 4))
def test_a_beginning_matches_whole_parts_only(a, b, kept):
    """Of two runs the first parts of one begin the other exactly when these parts are equal."""
    ends = ("", ".", ".f", ".s")
    text = "".join(f"{end}{part}" for end, part in list(zip(ends, a, strict=True))[:kept])
    run = f"{b[0]}.{b[1]}.f{b[2]}.s{b[3]}-0123456789"
    assert begins(text, run) == (a[:kept] == b[:kept])


def test_a_model_with_options_is_not_the_one_without(made):
    results, ids = made
    assert resolve_run("calib_order.tsm-resnet18", results).id == ids["plain"]
    assert [run.id for run in resolve("mine:tsm-resnet18", results)] == [ids["plain"]]
    swapped = BLOCK.replace("at=conv4_1,r=4", "r=4,at=conv4_1")
    assert [run.label for run in read_results(f"mine:calib_order/{swapped}/f8", results)] == [ids["block"]]
    both = read_results(f"mine:calib_order/{swapped}/f8,{ids['plain']}", results)
    assert [run.label for run in both] == [ids["block"], ids["plain"]]


def test_a_cell_is_a_side_of_all_its_seeds(made, command):
    _, ids = made
    cell = command("compare", "mine:calib_order/tsn-resnet18/f8", "mine:calib_order/tam-resnet18/f8")[1]
    listed = command("compare", ids["tsn"], ",".join(ids[f"tam{seed}"] for seed in (0, 1, 2)))[1]
    assert cell["seeds"] == [1, 3]
    assert cell == listed


def test_runs_that_are_not_finished_are_left_out_of_a_side_with_a_word(made, command, tmp_path):
    results = shutil.copytree(made[0], tmp_path / "results")
    write_run(results, run_spec("tam-resnet18", seed=3), "begun")
    code, found, said = command("compare", made[1]["tsn"], "mine:calib_order/tam-resnet18/f8", results=results)
    assert (code, found["seeds"]) == (0, [1, 3])
    assert "1 of 4 runs of mine:calib_order/tam-resnet18/f8 are not finished" in said


@pytest.mark.parametrize("text", ["calib_order.tsn-resnet18.f8", "mine:calib_order/tsn-resnet18/f8"])
@pytest.mark.parametrize("state", ["failed", "begun"])
def test_the_finished_run_counts_among_leftovers_of_other_tries(made, tmp_path, state, text):
    results = shutil.copytree(made[0], tmp_path / "results")
    for lr in (0.1, 0.2):
        write_run(results, run_spec(lr=lr), state)
    write_run(results, run_spec(), state, grid="other")
    assert resolve_run(text, results).id == made[1]["tsn"]


def test_several_finished_runs_are_told_apart_by_what_they_differ_in(tmp_path):
    specs = [run_spec(lr=lr) for lr in (0.1, 0.2, 0.3)]
    for spec in specs:
        write_run(tmp_path, spec)
    write_run(tmp_path, run_spec(lr=0.4), "failed")
    with pytest.raises(
        BadInput, match=r"matches 3 runs .* which differ in lr \(0\.\d, 0\.\d, 0\.\d\); name one"
    ) as caught:
        resolve_run("calib_order.tsn-resnet18", tmp_path)
    assert all(spec.id in str(caught.value) for spec in specs)


def test_no_error_lists_every_run_there_is(made, tmp_path):
    results = shutil.copytree(made[0], tmp_path / "results")
    for seed in range(3, 20):
        write_run(results, run_spec("tam-resnet18", seed=seed), "failed")
    asked = (
        "calib_order",
        "calib_order.tan-resnet18",
        "mine:calib_order/tan-resnet18/f8",
        "mine:calib_order.tan",
        "*8*",
    )
    for text in asked:
        with pytest.raises(BadInput) as caught:
            resolve_run(text, results)
        names = re.findall(r"calib_order[./][^ ',]+f[0-9]+", str(caught.value).replace(f"'{text}'", "", 1))
        assert 1 <= len(names) <= 5, text


@pytest.mark.parametrize("rest", [("verify",), ("eval",), ("probe", "shuffle")])
def test_a_result_without_a_checkpoint_is_refused_in_one_sentence(command, rest):
    code, found, said = command(*rest, PUBLISHED)
    assert (code, found) == (2, None)
    assert f"{PUBLISHED} is a published row" in said
    assert len(said.splitlines()) == 1


def test_a_published_row_and_predictions_of_others_are_explained_by_their_factors(made, command, tmp_path):
    found = command("explain", PUBLISHED)[1]
    assert found["runs"] == []
    row = found["results"][0]
    assert (row["kind"], row["label"], row["factors"]["frames"]) == ("published row", PUBLISHED, 8)
    results, ids = made
    shutil.copy(results / "mine" / "runs" / ids["tsn"] / "predictions.parquet", tmp_path / "theirs.parquet")
    classes = json.dumps([f"class {i}" for i in range(8)])
    (tmp_path / "theirs.yaml").write_text(f"name: theirs\ndataset: calib_order\nclasses: {classes}\nframes: 16\n")
    row = command("explain", tmp_path / "theirs.parquet")[1]["results"][0]
    assert (row["kind"], row["label"], row["factors"]["frames"]) == ("predictions file", "theirs", 16)
    assert row["top1"] == pytest.approx(read_results(ids["tsn"], results)[0].top1)


@pytest.mark.slow
def test_a_run_is_explained_without_torch(made):
    texts = ("calib_order.tsn-resnet18.f8", "mine:calib_order/tsn-resnet18/f8", "mine:*/tam-*/f8")
    code = (
        "import sys\nfrom suite.report.console.explain import explain\nfrom pathlib import Path\n"
        f"print([len(explain(text, Path({str(made[0])!r}))['runs']) for text in {texts}], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[1, 1, 3] False\n"


@pytest.mark.parametrize(
    ("text", "parts"),
    [("demo", ("demo", "")), ("demo:tam-*", ("demo", "tam-*")), ("x/mine.yaml", ("x/mine.yaml", ""))],
)
def test_a_grid_may_be_narrowed_to_models(text, parts):
    assert resolve_grid(text) == parts


def test_the_folder_of_a_grid_names_it(made):
    assert resolve_grid(str(made[0] / "mine")) == ("mine", "")
    with pytest.raises(BadInput, match="GRID:MODELS"):
        resolve_grid("mine:calib_order/tsn-resnet18/f8")


@pytest.mark.parametrize("models", ["tam-resnet18", "tam-*", "tam-resnet18@sites=all"])
def test_status_shows_the_models_of_a_grid_that_are_named(command, tmp_path, models):
    grid = tmp_path / "mine.yaml"
    grid.write_text("protocol: smoke\ndata: calib_order\nmodels: [tsn-resnet18, tam-resnet18]\nchain: {frames: [8]}\n")
    for args in ((f"{grid}:{models}",), (grid, "--only", models)):
        assert [run["name"] for run in command("status", *args)[1]["runs"]] == ["tam-resnet18"]


@pytest.mark.parametrize(
    "text", ["", "\0", "x" * 5000, "a#b", "#", ":", "mine:", "mine:/", "[", "mine:[", "x.csv", "../.."]
)
def test_what_names_nothing_is_one_sentence(made, text):
    with pytest.raises(BadInput) as caught:
        read_results(text, made[0])
    assert "\n" not in str(caught.value)


def test_a_run_that_lacks_a_planned_test_has_neither_result_nor_predictions(made):
    results, ids = made
    run, twice = resolve_run(ids["tsn"], results), run_spec(**{"evaluation.video_clips": 2})
    assert run.spec().id == twice.id
    assert (planned_tests(run, twice), result_of(run, twice)) == (None, None)
    with pytest.raises(BadInput, match="lacks a test"):
        predictions_of(run, twice)
    assert predictions_of(run, run.spec()) == (run.predictions, None)
