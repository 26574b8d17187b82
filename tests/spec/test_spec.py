"""Grids, protocols and the identity of a run."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from suite.spec import BadInput, grid_files, load_protocol, parse_model
from suite.store.identity import RunSpec
from suite.sweep.plan import Selection, make_plan

ROOT = Path(__file__).parents[2]
ORDER = """
    spec statistics device data models store evaluation training sweep fairness published collect report benchmarks
    app commands __main__
""".split()


def write_grid(folder, text):
    (folder / "mine.yaml").write_text(text)
    return str(folder / "mine.yaml")


GOOD = "protocol: smoke\ndata: calib_order\nmodels: [tam-resnet18]\nchain: {frames: [8, 16]}\n"


def test_the_three_mini_grids_are_the_288_runs_of_the_paper_and_their_chains_follow_table_12():
    from suite.published.references import published_rows

    keys = set()
    for name in ("mini_ssv2", "mini_kinetics", "mini_mit"):
        plan = make_plan(name, Selection(), Path("results"), costs=False)
        assert len(plan.runs) == 96
        assert sum(run.parent is None for run in plan.runs) == 24
        for run in plan.runs:
            p = run.spec.protocol
            first, later = (100, 45) if name == "mini_kinetics" else (75, 35)
            expected = (first, "cosine") if run.parent is None else (later, "multistep")
            assert (p.epochs, p.schedule, p.batch, p.lr, p.weight_decay) == (*expected, 72, 0.01, 0.0005)
            assert (run.spec.parent is None) == (run.spec.frames == 8)
            keys.add((name, run.spec.model, run.spec.frames))
    published = published_rows()
    assert keys == {
        (r.dataset, r.name.partition("@")[0], r.frames) for r in published[["dataset", "name", "frames"]].itertuples()
    }


@pytest.mark.parametrize("name", sorted(grid_files()))
def test_every_grid_of_the_repository_can_be_planned_without_data(name, tmp_path):
    plan = make_plan(name, Selection(), tmp_path, costs=False)
    assert len({run.id for run in plan.runs}) == len(plan.runs)
    assert all(re.fullmatch(r"[A-Za-z0-9._+=-]+", run.id) for run in plan.runs)
    assert load_protocol(plan.grid.protocol).source


def test_identity_changes_with_what_a_result_depends_on_and_with_nothing_else(tmp_path):
    def ids(selection=None, results=tmp_path, text=GOOD):
        return [run.id for run in make_plan(write_grid(tmp_path, text), selection or Selection(), results, False).runs]

    base = ids()
    assert ids(results=tmp_path / "elsewhere") == base
    assert ids(text="title: Another title\n" + GOOD) == base
    for change in ({"lr": 0.5}, {"epochs": 1}, {"size": 64}, {"precision": "bf16"}, {"augmentation.flip": "none"}):
        assert not set(ids(Selection(set=change))) & set(base)
    assert ids(Selection(frames=(16,))) == base  # the stage before comes along
    assert ids(Selection(frames=(8,))) == base[:1]
    # another start of the chain makes another second stage
    assert ids(text=GOOD.replace("[8, 16]", "[4, 16]"))[1] != base[1]


def test_a_run_spec_survives_its_file():
    import yaml

    spec = RunSpec("tam-resnet18-tp@tp=max", "calib_order", 8, 0, load_protocol("mini_ssv2").stage(True, {}), "p-1")
    again = RunSpec.from_resolved(yaml.safe_load(yaml.safe_dump(spec.resolved())))
    assert again.id == spec.id
    assert spec.id.startswith("calib_order.tam-resnet18-tp.tp=max.f8.s0-")


def test_set_reaches_every_stage_of_a_chain(tmp_path):
    plan = make_plan(write_grid(tmp_path, GOOD), Selection(set={"epochs": 1}), tmp_path, costs=False)
    assert [run.spec.protocol.epochs for run in plan.runs] == [1, 1]


def test_shards_share_the_chains_out(tmp_path):
    def chains(shard):
        return {run.id for run in make_plan("mini_ssv2", Selection(shard=shard), tmp_path, costs=False).runs}

    shares = [chains((i, 5)) for i in range(1, 6)]
    assert sum(map(len, shares)) == len(set().union(*shares)) == 96
    assert all(len(share) % 4 == 0 for share in shares)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "tabels: [cost]\n", "Unknown key in grid mine.yaml 'tabels'; did you mean 'tables'"),
        (GOOD.replace("smoke", "smok"), "Unknown protocol 'smok'; did you mean 'smoke'"),
        (GOOD.replace("calib_order", "calib_ordr"), "Unknown data set 'calib_ordr'; did you mean 'calib_order'"),
        (GOOD.replace("tam-", "tamm-"), None),
        (GOOD.replace("chain: {frames: [8, 16]}", "chain: {frame: [8]}"), "chain"),
        (GOOD.replace("[8, 16]", "[]"), "chain.frames"),
        (GOOD.replace("[8, 16]", "[0]"), "chain.frames"),
        ("protocol: smoke\ndata: calib_order\nchain: {frames: [8]}\n", "specifies no model"),
        ("[", "not valid YAML"),
        ("- a\n", "does not hold keys and values"),
        (GOOD + "set: {epoch: 3}\n", "did you mean 'epochs'"),
    ],
)
def test_a_wrong_grid_is_one_sentence(tmp_path, text, words):
    with pytest.raises(BadInput, match=words) as caught:
        make_plan(write_grid(tmp_path, text), Selection(), tmp_path)
    assert "\n" not in str(caught.value)


def test_model_names_come_apart():
    name = parse_model("tsm-resnet50-tp@tp=max,sites=top-half+nl@at=res3:2/res4:3+se")
    assert (name.module, name.backbone, name.pooling) == ("tsm", "resnet50", "tp=max")
    assert [(b.name, b.options) for b in name.blocks] == [("nl", (("at", "res3:2/res4:3"),)), ("se", ())]


def test_imports_run_downwards_only():
    wrong = []
    for path in sorted((ROOT / "suite").rglob("*.py")):
        part = path.relative_to(ROOT / "suite").parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                pieces = name.split(".")
                if pieces[0] == "suite" and len(pieces) > 1 and ORDER.index(pieces[1]) > ORDER.index(part):
                    wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_importing_the_suite_brings_nothing_heavy():
    heavy = ("torch", "mlflow", "matplotlib", "pandas", "decord", "av", "scipy", "plotly")
    code = f"import sys, suite, suite.spec, suite.__main__; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.strip() == "[]"
