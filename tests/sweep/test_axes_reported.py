"""Tables of grids whose axes are protocol keys: one row per setting, compared within it."""

import numpy as np
import pandas as pd
import pytest

from suite.report.build import write_report
from suite.store.folder import dump_json, sealed, write_atomic
from suite.sweep.parts import report_parts, unaccounted
from suite.sweep.plan import Selection, make_plan
from tests.sweep.new_keys_sweep import drawing_nothing
from tests.sweep.test_parts import finish

pytestmark = pytest.mark.slow

GRID = """
protocol: smoke
data: calib_order
models: [tsn-resnet18, tsm-resnet18]
axes: {sampling.rule: [uniform, dense], dropout: [0.0, 0.5]}
frames: [4, 8]
tables: [accuracy, contribution, effects]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The plan of the grid, all its runs finished, and its report."""
    home = tmp_path_factory.mktemp("axes")
    (home / "mine.yaml").write_text(GRID)
    plan = make_plan(str(home / "mine.yaml"), Selection(), home / "results", costs=False)
    for seed, run in enumerate(plan.runs):
        finish(run, seed)
    with drawing_nothing():
        write_report(plan)
    return plan


def table(plan, name):
    return pd.read_csv(plan.folder / "tables" / f"{name}.csv")


def top1s(plan):
    """(model, setting, frames) -> top-1, from result.json."""
    return {(r.spec.model, r.axes_text, r.spec.frames): r.folder.result()["top1"] for r in plan.runs}


def test_each_setting_of_a_model_is_a_row_behind_its_name(made):
    shown, expected = table(made, "accuracy").set_index("model"), top1s(made)
    assert len(expected) == 16
    assert len(set(expected.values())) > 4
    assert len(shown) == 8
    for (model, setting, frames), top1 in expected.items():
        assert shown[f"top1_f{frames}"][f"{model} ({setting})"] == pytest.approx(top1)
    assert "TSM-ResNet-18 (dropout=0.5,sampling.rule=dense)" in (made.folder / "tables" / "accuracy.md").read_text()


def test_psi_is_against_the_baseline_of_the_same_setting(made):
    shown, found = table(made, "contribution").set_index("module"), top1s(made)
    assert len(shown) == 4
    for setting in {setting for _, setting, _ in found}:
        pairs = [(found["tsm-resnet18", setting, f], found["tsn-resnet18", setting, f]) for f in (4, 8)]
        row = shown.loc[f"tsm ({setting})"]
        assert row["psi_ta"] == pytest.approx(np.mean([(s - tsn) / (100 - tsn) for s, tsn in pairs]))
        assert row["phi"] == pytest.approx(np.mean([tsn / max(s, tsn) for s, tsn in pairs]))


def test_the_effect_of_a_setting_is_paired_over_models_and_frames(made):
    shown, found = table(made, "effects"), top1s(made)
    assert set(shown["axis"]) == {"module", "setting", "frames"}
    assert (shown["axis"] == "setting").sum() == 4 * 3 / 2
    for row in shown[shown["axis"] == "setting"].to_dict("records"):
        paired = [
            np.mean([found[model, row["a"], f] - found[model, row["b"], f] for f in (4, 8)])
            for model in ("tsn-resnet18", "tsm-resnet18")
        ]
        assert row["mean_difference"] == pytest.approx(np.mean(paired))
        assert row["blocks"] == 2


def test_marks_are_within_a_setting(made):
    shown = table(made, "accuracy")
    assert shown.filter(like="mark").isna().all(axis=None), "settings differ by design"
    summary = pd.read_csv(made.folder / "summary.csv")
    assert set(summary["setting"]) == {run.setting_text for run in made.runs}


def test_all_runs_are_in_one_part_of_the_report(made):
    parts = report_parts(made.name, made.folder.parent)
    assert [part.changes for part in parts] == [{}]
    assert len(parts[0].runs) == 16
    assert unaccounted(parts) == []


def test_a_run_of_the_same_setting_that_differs_is_marked(made, tmp_path):
    run = made.runs[0]
    content = {key: value for key, value in run.folder.result().items() if key != "checksum"}
    changed = content | {"missing": 3}
    write_atomic(run.folder.result_file, dump_json(sealed(changed)))
    with drawing_nothing():
        write_report(made)
    assert table(made, "accuracy").filter(like="mark").notna().any(axis=None)
    write_atomic(run.folder.result_file, dump_json(sealed(content)))
