"""Ensembles of finished runs: what `suite fuse` computes, stores and refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from suite.app.export import export, report_archive
from suite.collect.ensembles import ensemble_rows, read_ensemble
from suite.collect.fuse import fuse
from suite.collect.resolve import from_run, read_result, resolve, resolve_run
from suite.evaluation.fusion import fuse_logits, normalised_weights
from suite.report.build import write_report
from suite.spec import BadInput
from suite.store.folder import sealed
from suite.sweep.plan import Selection, make_plan
from tests.builders import captured_suite, json_of, said_by
from tests.collect.finished_runs import CLASSES, run_spec, write_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """results/mine with runs of 8 and 16 frames, of another module, and of other seeds."""
    results = tmp_path_factory.mktemp("home") / "results"
    specs = {"f8": run_spec(), "f16": run_spec(frames=16), "tam": run_spec("tam-resnet18")}
    specs |= {f"s{seed}": run_spec(seed=seed) for seed in (1, 2)}
    return results, {key: write_run(results, spec) for key, spec in specs.items()}


@pytest.fixture
def own(made, tmp_path):
    """A copy of the results that a test may change."""
    shutil.copytree(made[0], tmp_path / "results")
    runs = {key: tmp_path / "results" / "mine" / "runs" / run.id for key, run in made[1].items()}
    return tmp_path / "results", runs


def logits_of(folder):
    table = pd.read_parquet(folder / "predictions.parquet").sort_values("id")
    return np.stack(table["logits"].to_list()).astype(float), table["label"].to_numpy()


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize("weights", [None, "1,3", "0,2"])
@pytest.mark.parametrize("fusion", ["softmax", "logits"])
def test_the_mean_is_the_one_that_numpy_computes(own, capsys, fusion, weights):
    results, runs = own
    options = ["--fusion", fusion, *(["--weights", weights] if weights else [])]
    found = json_of(capsys, "fuse", runs["f8"], runs["f16"], *options, "--results", results)
    share = np.array([float(w) for w in (weights or "1,1").split(",")])
    share /= share.sum()
    (a, labels), (b, _) = logits_of(runs["f8"]), logits_of(runs["f16"])
    mean = share[0] * a + share[1] * b if fusion == "logits" else share[0] * softmax(a) + share[1] * softmax(b)
    stored, stored_labels = logits_of(results / "mine" / "fused" / found["id"])
    np.testing.assert_allclose(stored if fusion == "logits" else np.exp(stored), mean, rtol=1e-5, atol=1e-6)
    assert (stored_labels == labels).all()
    assert found["top1"] == 100 * (mean.argmax(1) == labels).mean()
    assert (found["n"], found["macs"], found["params"]) == (len(labels), 2, 2)
    assert found["members"] == [runs["f8"].name, runs["f16"].name]


def test_probabilities_far_below_the_smallest_float_keep_their_order():
    z = np.array([[[0.0, -800.0, -900.0]], [[0.0, -900.0, -800.0]]])
    fused = fuse_logits(z, [0.75, 0.25], "softmax")[0]
    assert fused[0] > fused[1] > fused[2]
    assert normalised_weights([1e308, 1e308], 2) == [0.5, 0.5]


def test_the_same_models_give_the_same_bytes_in_any_order_and_any_scale_of_weights(own):
    results, runs = own

    def files(texts, weights=None):
        folder, _ = fuse(list(map(str, texts)), results, weights)
        return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}, folder.name

    first = files([runs["f8"], runs["f16"]])
    assert set(first[0]) == {"predictions.parquet", "result.json"}
    assert files([runs["f16"].name, runs["f8"].name], [2, 2]) == first
    assert files([runs["f8"], runs["f16"]], [1, 2])[1] != first[1]
    assert files([runs["f16"], runs["f8"]], [2, 1])[1] == files([runs["f8"], runs["f16"]], [1, 2])[1]


def test_the_id_says_what_is_in_it_and_finds_it(own):
    results, runs = own
    folder, found = fuse([runs["f8"].name, runs["f16"].name], results)
    assert found["id"].startswith("calib_order.tsn-resnet18.f8+f16-")
    assert found["name"] == "TSN-ResNet-18, 8 + 16 frames"
    texts = (found["id"], found["id"][:-3], found["id"].rpartition("-")[0], f"mine:{found['id']}", str(folder))
    for text in (*texts, str(folder / "predictions.parquet")):
        assert read_result(text, results).label == found["id"], text
    with pytest.raises(BadInput, match="is an ensemble, not a run"):
        resolve_run(found["id"], results)


def test_the_beginning_of_a_run_is_not_taken_for_an_ensemble(own):
    results, runs = own
    fuse([str(runs["tam"]), str(runs["f8"])], results)
    fuse([str(runs["f16"]), str(runs["f8"])], results)
    _, found = fuse([str(runs["f8"]), str(runs["s1"])], results)
    assert found["id"].startswith("calib_order.tsn-resnet18.f8.s0+s1-")
    for text in ("calib_order.tam-resnet18", "calib_order.tsn-resnet18.f16", "calib_order.tsn-resnet18.f8.s0"):
        assert resolve_run(text, results).id.startswith(text)


def test_an_ensemble_is_named_by_what_its_models_differ_in(own):
    results, runs = own

    def name(*keys, **options):
        return fuse([str(runs[key]) for key in keys], results, **options)[1]["name"]

    assert name("f8", "s1", "s2") == "TSN-ResNet-18, 8 frames, seeds 0 + 1 + 2"
    assert name("f8", "tam") == "TAM-ResNet-18 and TSN-ResNet-18, 8 frames"
    assert name("tam", "f16", fusion="logits") == (
        "TAM-ResNet-18 (8 frames) and TSN-ResNet-18 (16 frames), logits averaged"
    )
    assert name("f8", "f16", weights=[1, 3]) == "TSN-ResNet-18, 8 + 16 frames, weights 0.25 : 0.75"


def test_classes_in_another_order_are_matched_by_name(own):
    results, runs = own
    plain = fuse([str(runs["f8"]), str(runs["f16"])], results)[1]
    file = runs["f16"] / "predictions.parquet"
    table, order = pd.read_parquet(file), np.random.default_rng(0).permutation(len(CLASSES))
    table["logits"] = [row[order] for row in table["logits"]]
    table["label"] = np.argsort(order)[table["label"]]
    table.sample(frac=1, random_state=0).to_parquet(file)
    result = json.loads((runs["f16"] / "result.json").read_text())
    result = {key: value for key, value in result.items() if key != "checksum"}
    result["class_names"] = [CLASSES[i] for i in order]
    (runs["f16"] / "result.json").write_text(json.dumps(sealed(result)))
    permuted = fuse([str(runs["f8"]), str(runs["f16"])], results)[1]
    assert permuted == plain


def test_compare_and_explain_take_an_ensemble_and_never_call_it_one_model(own, capsys):
    results, runs = own
    _, seeds = fuse([str(runs[key]) for key in ("f8", "s1")], results)
    found = json_of(capsys, "compare", seeds["id"], runs["f8"], "--results", results)
    confounds = {d["field"]: (d["a"], d["b"]) for d in found["confounds"]}
    members = {"models": 2, "average": "softmax", "weights": [0.5, 0.5]}
    assert confounds["ensemble"] == (members, "one model")
    assert confounds["seed"] == ([0, 1], 0)
    assert not found["comparable"]
    studied = json_of(capsys, "compare", seeds["id"], runs["f8"], "--axis", "ensemble", "--results", results)
    assert {d["field"] for d in studied["studied"]} == {"ensemble", "seed"}
    assert not studied["confounds"]
    again = json_of(capsys, "compare", seeds["id"], seeds["id"], "--results", results)
    assert (again["difference"], again["confounds"]) == (0, [])
    text = said_by(capsys, "explain", seeds["id"], "--results", results)
    assert runs["f8"].name in text
    assert runs["s1"].name in text
    assert "average softmax, models 2, weights 0.5/0.5" in text


def test_a_report_has_a_row_named_by_the_models_in_the_column_of_their_frames(own, tmp_path):
    results, runs = own
    fuse([str(runs["f8"]), str(runs["f16"])], results)
    fuse([str(runs["f8"]), str(runs["f16"])], results, fusion="logits")
    grid = {"protocol": "smoke", "data": "calib_order", "models": ["tsn-resnet18"], "chain": {"frames": [8]}}
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump(grid | {"tables": ["accuracy", "cost", "contribution", "effects"]})
    )
    plan = make_plan(str(tmp_path / "mine.yaml"), Selection(), results, costs=False)
    assert plan.runs[0].id == runs["f8"].name
    assert ensemble_rows(plan.folder, [runs["f8"].name]) == []  # one of its models is in another part of the report
    assert len(ensemble_rows(plan.folder, [run.name for run in runs.values()])) == 2
    shutil.rmtree(runs["f16"])  # a run of another grid
    write_report(plan)
    table = pd.read_csv(plan.folder / "tables" / "accuracy.csv").set_index("model")
    single = {"TSN-ResNet-18, 8 + 16 frames", "TSN-ResNet-18, 8 + 16 frames, logits averaged"}
    assert set(table.index) == {"tsn-resnet18", *single}
    assert table["top1_f24"].notna().sum() == 2
    cost = pd.read_csv(plan.folder / "tables" / "cost.csv").set_index("model")
    assert cost.loc["TSN-ResNet-18, 8 + 16 frames", "gmacs_f24"] == pytest.approx(2e-9)
    assert "8 + 16 frames" in (plan.folder / "report.html").read_text()
    assert not (plan.folder / "tables" / "contribution.csv").exists()


def test_an_ensemble_of_ensembles_and_of_predictions_of_another_codebase(own, theirs):
    results, runs = own
    z, labels = logits_of(runs["tam"])
    ids = [f"v{i:03d}" for i in range(len(labels))]
    path = theirs({"id": ids, "logits": list(z.astype(np.float32))}, ".parquet", classes=CLASSES)
    _, both = fuse([str(runs["f8"]), str(path)], results)
    assert both["name"] == "TSN-ResNet-18 and MyNet, 8 frames"
    assert "macs" not in both
    _, inner = fuse([str(runs["f8"]), str(runs["f16"])], results)
    folder, outer = fuse([inner["id"], str(runs["tam"])], results)
    assert outer["macs"] == 3
    assert read_ensemble(folder).top1 == outer["top1"]
    with pytest.raises(BadInput, match=f"{runs['f8'].name} is given twice"):
        fuse([inner["id"], str(runs["f8"])], results)


def spoil(runs, how):
    file = runs["f16"] / "predictions.parquet"
    table = pd.read_parquet(file)
    if how == "damaged":
        file.write_bytes(b"PAR1")
    if how == "edited":
        table["logits"] = [np.roll(row, 1) for row in table["logits"]]
    if how == "other videos":
        table["id"] = ["w" + name for name in table["id"]]
    if how == "other labels":
        right = np.stack(table["logits"].to_list()).argmax(1) == table["label"]
        table["label"] = np.where(table["id"] == table["id"][right][:1].item(), 7 - table["label"], table["label"])
    if how != "damaged":
        table.to_parquet(file)


BAD = {
    "one": (["f8"], [], "needs at least two models"),
    "twice": (["f8", "f8"], [], "given twice"),
    "too few weights": (["f8", "f16"], ["--weights", "1"], "1 weights for 2 models"),
    "negative": (["f8", "f16"], ["--weights", "1,-1"], "not negative"),
    "all 0": (["f8", "f16"], ["--weights", "0,0"], "at least one weight"),
    "no number": (["f8", "f16"], ["--weights", "1,x"], "numbers separated by ','"),
    "nan": (["f8", "f16"], ["--weights", "1,nan"], "not negative"),
    "fusion": (["f8", "f16"], ["--fusion", "max"], "softmax or logits"),
    "published": (["f8", "published.mini_ssv2.tam-resnet50.f8"], [], "without logits"),
    "damaged": (["f8", "f16"], [], "restore it, or move its folder away"),
    "edited": (["f8", "f16"], [], "edited or is damaged"),
    "other videos": (["f8", "f16"], [], "not tested on the same videos: 40 are only in the first and 40 only"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_exit_code_2(own, capsys, monkeypatch, case):
    results, runs = own
    keys, options, words = BAD[case]
    spoil(runs, case) if case in ("damaged", "edited", "other videos") else None
    texts = [runs.get(key, key) for key in keys]
    code, out, err = captured_suite(capsys, monkeypatch, "fuse", *texts, *options, "--results", results)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert words in err
    assert not (results / "mine" / "fused").exists()


def test_results_without_logits_or_with_other_labels_are_refused(own, theirs):
    results, runs = own
    _, labels = logits_of(runs["f8"])
    ids = [f"v{i:03d}" for i in range(len(labels))]
    path = theirs({"id": ids, "prediction": labels}, classes=CLASSES)
    with pytest.raises(BadInput, match="MyNet has no logits per video"):
        fuse([str(runs["f8"]), str(path)], results)
    rows = {f"logit_{i}": np.eye(8)[labels][:, i] for i in range(8)}
    path = theirs({"id": ids, "label": (labels + 1) % 8, **rows}, classes=CLASSES)
    with pytest.raises(BadInput, match="disagree on the labels of 40 videos"):
        fuse([str(runs["f8"]), str(path)], results)
    path = theirs({"id": ids, **rows}, classes=[*CLASSES[:7], "another"])
    with pytest.raises(BadInput, match="different classes: 2 are in one of them only"):
        fuse([str(runs["f8"]), str(path)], results)


@pytest.mark.parametrize("file", ["result.json", "predictions.parquet"])
def test_an_edited_ensemble_is_noticed(own, file):
    results, runs = own
    folder, found = fuse([str(runs["f8"]), str(runs["f16"])], results)
    if file == "result.json":
        (folder / file).write_text((folder / file).read_text().replace('"fusion": "softmax"', '"fusion": "logits"'))
    else:
        table = pd.read_parquet(folder / file)
        table["logits"] = [np.roll(row, 1) for row in table["logits"]]
        table.to_parquet(folder / file)
    (ensemble,) = resolve(found["id"], results)
    with pytest.raises(BadInput, match=r"changed after it was written|edited or is damaged"):
        ensemble.read()


def test_an_ensemble_without_its_checksum_or_of_another_shape_is_damaged(own):
    results, runs = own
    folder, found = fuse([str(runs["f8"]), str(runs["f16"])], results)
    for content in (found, {}, [], "x", sealed(found | {"members": [1]}), sealed(found | {"factors": []})):
        (folder / "result.json").write_text(json.dumps(content))
        with pytest.raises(BadInput, match=r"damaged|changed"):
            read_ensemble(folder)


@pytest.mark.more
@pytest.mark.slow
def test_an_archive_of_a_grid_has_its_ensembles_and_gives_the_same_tables(home, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(home / "results", results)
    plan = small_plan_in(home, results)
    _, found = fuse([run.id for run in plan.runs[:2]], results)
    assert found["name"] == "TSN-ResNet-18, 4 + 8 frames"
    assert found["macs"] == sum(run.folder.result()["macs"] for run in plan.runs[:2])
    factors = read_result(found["id"], results).factors
    assert factors["chain_frames"] == [[], [4]]
    assert factors["code_test"] == from_run(plan.runs[0].folder).factors["code_test"]
    write_report(plan)
    export(plan, tmp_path / "small.tar.gz")
    again = report_archive(tmp_path / "small.tar.gz", tmp_path / "elsewhere")
    assert again["differ"] == []
    (table,) = [file for file in again["files"] if file.endswith("accuracy.csv")]
    assert Path(table).read_bytes() == (plan.folder / "tables" / "accuracy.csv").read_bytes()
    assert found["name"] in Path(table).read_text()


def small_plan_in(home, results):
    return make_plan(str(home / "small.yaml"), Selection(), results)
