"""What `suite` offers to Python: every name of it is used here, and in the notebook."""

import ast
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import suite
from suite.data.synthetic import synthesize
from suite.models.weights import save_dict

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "look_into_a_sweep.ipynb"
EARLIER = Path(__file__).parent / "files" / "scheme_1"


@pytest.fixture
def results(tmp_path):
    """A results folder with one finished sweep."""
    shutil.copytree(EARLIER, tmp_path / "results" / "demo")
    return tmp_path / "results"


def test_importing_suite_imports_nothing_heavy():
    code = "import sys, suite; dir(suite); print({'torch', 'numpy', 'pandas', 'yaml', 'pydantic'} & {*sys.modules})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.strip() == "set()"


def test_every_public_name_is_documented_with_its_errors():
    for name in suite.__all__:
        thing = getattr(suite, name)
        assert name in suite.__doc__, name
        assert len(inspect.getdoc(thing)) > 60, name
        if name != "BadInput":
            assert "Raises BadInput" in inspect.getdoc(thing), name
    assert set(suite.__all__) <= set(dir(suite))
    with pytest.raises(AttributeError, match="no attribute 'buidl'"):
        suite.buidl  # noqa: B018


@pytest.mark.slow
def test_build_and_cost_agree_on_the_parameters():
    network = suite.build("tsm-resnet18", num_classes=5, frames=4, size=32)
    assert network.eval()(torch.zeros(2, 3, 4, 32, 32)).shape == (2, 5)
    counted = suite.cost("tsm-resnet18", frames=4, size=32, num_classes=5)
    assert counted.params == sum(p.numel() for p in network.parameters())


@pytest.mark.slow
def test_weights_come_back_as_they_were_saved(tmp_path):
    first, second = (suite.build("tsn-resnet18", 3, 4, 32, seed=seed).eval() for seed in (1, 2))
    clip = torch.rand(1, 3, 4, 32, 32)
    assert not torch.equal(first(clip), second(clip))
    torch.save(save_dict(first, ("a", "b", "c")), tmp_path / "weights.pt")
    report = suite.load_weights(second, str(tmp_path / "weights.pt"))
    assert report.loaded == report.total
    assert torch.equal(first(clip), second(clip))
    with pytest.raises(suite.BadInput):
        suite.load_weights(second, str(tmp_path / "nothing.pt"))


def test_an_opened_data_set_has_classes_and_splits(tmp_path):
    with pytest.raises(suite.BadInput, match="Something-Something V2"):
        suite.open_dataset("ssv2", tmp_path)
    synthesize("calib_scene", tmp_path, videos={"train": 8, "val": 4})
    dataset = suite.open_dataset("calib_scene", tmp_path)
    assert len(dataset.classes) == 8
    assert [len(dataset.split(split).videos) for split in ("train", "val")] == [8, 4]


def test_a_loaded_run_has_predictions_that_give_its_accuracy(results):
    run = suite.load("calib_order.tsn-resnet18.f8", results)
    predicted = np.stack(run.predictions.logits).argmax(1)
    assert run.top1 == pytest.approx(100 * (predicted == run.predictions.label).mean())
    assert len(run.classes) == len(run.predictions.logits[0])
    assert len(run.history) == run.spec.protocol.epochs


def test_predictions_that_were_changed_are_refused(results):
    run = suite.load("calib_order.tsn-resnet18.f8", results)
    file = run.folder / "predictions.parquet"
    table = run.predictions
    table.assign(label=(table.label + 1) % len(run.classes)).to_parquet(file)
    with pytest.raises(suite.BadInput, match="was edited or is damaged"):
        suite.load(run.id, results).predictions  # noqa: B018


def test_compare_is_antisymmetric(results):
    a, b = "calib_order.tsn-resnet18.f8", "calib_order.tam-resnet18.f8"
    there, back = suite.compare(a, b, results=results), suite.compare(b, a, results=results)
    assert there["difference"] == -back["difference"]
    assert there["p_mcnemar"] == back["p_mcnemar"]
    assert there["ci95"] == pytest.approx([-back["ci95"][1], -back["ci95"][0]])


@pytest.mark.slow
def test_the_notebook_runs_on_a_finished_sweep_and_uses_the_public_names(results, monkeypatch):
    cells = [c for c in json.loads(NOTEBOOK.read_text())["cells"] if c["cell_type"] == "code"]
    monkeypatch.chdir(results.parent)
    scope = {}
    for cell in cells:
        exec("".join(cell["source"]), scope)
    assert scope["confusion"].to_numpy().sum() == scope["run"].result["n"]
    assert scope["comparison"]["difference"] > 0
    used = {
        node.attr
        for cell in cells
        for node in ast.walk(ast.parse("".join(cell["source"])))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "suite"
    }
    assert {"build", "cost", "load", "compare"} <= used
