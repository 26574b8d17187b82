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
    spec statistics device program data models store evaluation training sweep fairness published collect report
    benchmarks app commands __main__ lock_for_system_torch
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
        ("- a\n", "does not contain keys and values"),
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


def modules_of_the_suite():
    """Module name -> (path, syntax tree)."""
    modules = {}
    for path in sorted((ROOT / "suite").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        modules[".".join(parts).removesuffix(".__init__")] = (path, ast.parse(path.read_text()))
    return modules


def imported_modules(tree, modules):
    """The modules of the suite that a file imports, those inside functions and for type checkers included."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in modules else node.module for name in full.values()}
    return names & set(modules)


def test_imports_run_downwards_only():
    modules = modules_of_the_suite()
    wrong = []
    for name, (_, tree) in modules.items():
        if name == "suite":
            continue
        room = ORDER.index(name.split(".")[1])
        wrong += [
            f"{name} imports {other}"
            for other in sorted(imported_modules(tree, modules))
            if other != "suite" and ORDER.index(other.split(".")[1]) > room
        ]
    assert wrong == []


def import_cycles(imports):
    """What remains when modules are removed that import none of the others, or that none of the others imports."""
    remaining = {name: set(others) - {name} for name, others in imports.items()}
    while True:
        imported = set().union(*remaining.values())
        kept = {name: others & set(remaining) for name, others in remaining.items() if name in imported and others}
        kept = {name: others & set(kept) for name, others in kept.items()}
        if kept == remaining:
            return {name: sorted(others) for name, others in kept.items()}
        remaining = kept


def test_no_modules_import_each_other():
    assert set(import_cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()})) == {"a", "b", "c"}
    modules = modules_of_the_suite()
    imports = {name: imported_modules(tree, modules) for name, (_, tree) in modules.items()}
    imports["suite"] = set()  # its public names are imported when they are first used
    # an option's default needs the depths of a backbone, whose assembly reads options; imported inside a function
    imports["suite.models.options"].remove("suite.models.network")
    assert import_cycles(imports) == {}


def private(name):
    return name.startswith("_") and not name.startswith("__") and name != "_"


def private_names(tree):
    """(defined in a file, used in it): names with a leading underscore, as (name, line)."""
    defined, used = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                defined.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                defined.add(name)
            case ast.Attribute(attr=name):
                used.add((name, node.lineno))
            case ast.ImportFrom(names=aliases):
                used |= {(alias.name, node.lineno) for alias in aliases}
    return {name for name in defined if private(name)}, {(name, line) for name, line in used if private(name)}


def test_private_names_are_used_in_their_own_file_only():
    assert private_names(ast.parse("from a import _b\ndef _c(): d._e")) == ({"_c"}, {("_b", 1), ("_e", 2)})
    files = {path: private_names(tree) for path, tree in modules_of_the_suite().values()}
    ours = set().union(*(defined for defined, _ in files.values()))
    assert "_execute" in ours
    assert [
        f"{path.relative_to(ROOT)}:{line} uses {name}"
        for path, (defined, used) in files.items()
        for name, line in sorted(used)
        if name in ours - defined
    ] == []


TO_BE_SPLIT = {"suite/report/published/figures.py", "suite/report/tables/rendering/formats.py"}


def test_a_file_of_more_than_300_lines_gives_the_reason_in_its_docstring():
    for path, tree in modules_of_the_suite().values():
        file, lines = path.relative_to(ROOT).as_posix(), len(path.read_text().splitlines())
        if file not in TO_BE_SPLIT:
            reason = f"{file} has {lines} lines; its docstring does not say why it is one file"
            assert lines <= 300 or "one file" in (ast.get_docstring(tree) or "").lower(), reason


def test_importing_the_suite_brings_nothing_heavy():
    heavy = ("torch", "mlflow", "matplotlib", "pandas", "decord", "av", "scipy", "plotly")
    code = f"import sys, suite, suite.spec, suite.__main__; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.strip() == "[]"
