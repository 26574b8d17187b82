"""From one data set to another: runs that start from the weights of a finished run, with what starts anew."""

import json

import pytest
import torch

from suite.collect.resolve import from_run
from suite.data.synthetic import synthesize
from suite.evaluation.control import Control
from suite.fairness.compare import compare
from suite.fairness.run_factors import read_run
from suite.fairness.sides import compare_sides
from suite.models import build, weights
from suite.report.console.explain import describe, explain
from suite.spec import BadInput, load_protocol
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec
from suite.sweep.plan import Selection, make_plan
from suite.training.run import execute
from tests.training.builders import state_of

pytestmark = pytest.mark.slow

SMALL = {"epochs": 1, "batch": 8, "size": 32}


def spec_on(dataset, model="tsn-resnet18", seed=0, sha256=None, **changes):
    protocol = load_protocol("smoke").stage(False, SMALL | changes)
    return RunSpec(model, dataset, 2, seed, protocol, weights_sha256=sha256)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """data/ with two data sets of different classes, and results/first with a run on calib_scene."""
    home = tmp_path_factory.mktemp("transfer")
    for name in ("calib_scene", "calib_order"):
        synthesize(name, home / "data", videos={"train": 16, "val": 16})
    return home, train_on(home, spec_on("calib_scene"), "first")


def train_on(home, spec, grid="second"):
    folder = RunFolder(home / "results" / grid / "runs" / spec.id)
    folder.create(spec)
    execute(folder, home / "data", Control())
    return folder


def planned(home, model="tsn-resnet18", **changes):
    """The only run of a grid on calib_order, as it is planned."""
    lines = [f"{key}: {json.dumps(value)}" for key, value in (SMALL | changes).items()]
    text = f"protocol: smoke\ndata: calib_order\nmodels: ['{model}']\nchain: {{frames: [2]}}\n"
    text += f"set: {{{', '.join(lines)}}}\n"
    (home / "second.yaml").write_text(text)
    (run,) = make_plan(str(home / "second.yaml"), Selection(), home / "results", costs=False).runs
    return run.spec


def test_a_run_starts_from_a_run_on_other_classes_with_a_fresh_head(home):
    home, source = home
    spec = planned(home, init="run:calib_scene.tsn-resnet18", init_fresh=["head"])
    assert spec.weights_sha256 == source.result()["checkpoint_sha256"]
    folder = train_on(home, spec)
    stored = folder.read_provenance()["weights"]
    assert (stored["loaded"], stored["total"], stored["fresh"]) == (120, 122, ["head"])
    assert stored["pretraining"]["run"] == source.id
    assert folder.read_provenance()["pretraining_leakage"] == {"calib_scene": {"by_id": 0, "by_content": 0}}
    log = folder.log.read_text()
    assert "120 of 122 tensors" in log
    assert "head fresh" in log
    factors = read_run(spec, folder)
    told = {key: factors["pretraining"][key] for key in ("data set", "model", "start")}
    assert told == {"data set": "calib_scene", "model": "tsn-resnet18", "start": "scratch"}
    text = describe(explain(folder.id, home / "results"))
    assert "head fresh (tsn-resnet18 trained on calib_scene, run calib_scene.tsn-resnet18.f2.s0-" in text


def test_what_is_taken_is_the_source_and_what_is_new_is_as_from_scratch(home):
    home, source = home
    folder = train_on(home, planned(home, init=f"run:{source.id}", init_fresh=["head"], epochs=0))
    scratch = train_on(home, planned(home, init="scratch", epochs=0))
    taken, new, before = map(state_of, (folder, scratch, source))
    for key, value in taken.items():
        assert torch.equal(value, (new if ".fc." in key else before)[key]), key


def test_a_run_by_id_by_path_and_in_another_place_is_one_run(home, tmp_path):
    home, source = home
    by_id = planned(home, init=f"run:{source.id}", init_fresh=["head"])
    by_path = planned(home, init=str(source.checkpoint), init_fresh=["head"])
    (tmp_path / "copy.pt").write_bytes(source.checkpoint.read_bytes())
    assert by_id.id == by_path.id == planned(home, init=str(tmp_path / "copy.pt"), init_fresh=["head"]).id
    assert planned(home, init=f"run:{source.id}").id != by_id.id
    assert planned(home, init=f"run:{source.id}", init_fresh=["head", "blocks"]).id != by_id.id
    again = RunSpec.from_resolved(json.loads(json.dumps(by_id.resolved())))
    assert again.id == by_id.id


def test_new_add_on_blocks_start_anew_where_the_protocol_says_so(home):
    home, source = home
    init = f"run:{source.id}"
    folder = train_on(home, planned(home, "tsn-resnet18+nl@at=res3:1", init=init, init_fresh=["head", "blocks"]))
    stored = folder.read_provenance()["weights"]
    assert stored["loaded"] == 120
    assert stored["fresh"] == ["head", "1 block"]
    decorated = train_on(
        home, planned(home, "tsn-resnet18+arc@n=4,stages=res5", init=init, init_fresh=["head", "blocks"])
    )
    stored = decorated.read_provenance()["weights"]
    assert stored["loaded"] == 120
    assert all("arc_" in key or ".fc." in key for key in stored["missing"])


REFUSED = [
    ("tsn-resnet18", {}, "init_fresh"),
    ("tsn-resnet18", {"init_fresh": ["blocks"]}, "add 'head' to init_fresh"),
    ("tsn-resnet18+se", {"init_fresh": ["head"]}, "add 'blocks' to init_fresh"),
    (
        "tam-resnet18",
        {"init_fresh": ["head", "blocks"]},
        "of tsn-resnet18@sites=all, not of tam-resnet18",
    ),
]


@pytest.mark.parametrize(("model", "changes", "words"), REFUSED)
def test_what_does_not_fit_is_refused_unless_it_is_asked_for(home, model, changes, words):
    home, source = home
    with pytest.raises(BadInput, match=words) as caught:
        train_on(home, planned(home, model, init=f"run:{source.id}", **changes))
    assert "\n" not in str(caught.value)


def test_the_same_classes_keep_their_classifier(home):
    home, source = home
    model = build("tsn-resnet18", source.result()["classes"], 2, 32)
    names = source.result()["class_names"]
    report = weights.load(model, str(source.checkpoint), classes=names[::-1], init_fresh=["head"])
    assert (report.loaded, report.fresh) == (122, [])


@pytest.mark.more
def test_transfer_by_one_protocol_compares_two_models_and_another_source_is_a_confound(home):
    home, source = home
    other = train_on(home, spec_on("calib_scene", "tam-resnet18"), "first")
    longer = train_on(home, spec_on("calib_scene", epochs=2), "first")
    runs = [
        train_on(home, planned(home, model, init=f"run:{before.id}", init_fresh=["head"]))
        for model, before in (("tsn-resnet18", source), ("tam-resnet18", other), ("tsn-resnet18", longer))
    ]
    tsn, tam, after_longer = map(from_run, runs)
    assert compare(tsn, tam)["comparable"]
    found = compare(tsn, after_longer)
    assert {d["field"] for d in found["confounds"]} == {"pretraining"}
    scratch = from_run(train_on(home, planned(home, init="scratch")))
    assert "pretraining" in {d["field"] for d in compare_sides((tsn,), (scratch,))["confounds"]}


def test_a_source_that_is_not_there_makes_a_provisional_plan_and_is_refused_when_it_is_chosen(home):
    home, source = home
    spec = planned(home, init="run:calib_scene.tsn-resnet50.f8", init_fresh=["head"])
    assert spec.missing_weights == "run:calib_scene.tsn-resnet50.f8"
    planned(home)
    grid = str(home / "second.yaml")
    for text, words in (("run:calib_scene.tsn-resnet50", "Unknown run"), (f"run:{source.id[:-12]}.s9", "Unknown run")):
        with pytest.raises(BadInput, match=words):
            make_plan(grid, Selection(set={"init": text}), home / "results", costs=False)
