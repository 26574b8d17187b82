"""Which code trains a model and which tests it: real edits to a copy of the package, and what the digests say."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import suite
from suite.models.user_code import user_sources
from suite.store.code import canonical, code_digests
from suite.store.reached_code import NOT_FOLLOWED, reached, sources

PACKAGE = Path(suite.__file__).parent

BEFORE = {name: code_digests(name) for name in ("tsn-resnet18", "tam-resnet18", "slowfast-resnet50")}

KINDS = ("code_train", "code_test")


def copied(folder):
    copy = folder / "copy" / "suite"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.txt"))
    return copy


def edit(copy, file, old, new):
    """One replacement in a file of a copy of the package; without an old text the new one goes to its end."""
    text = (copy / file).read_text()
    assert old in text, f"{file} has no {old!r}"
    (copy / file).write_text(text.replace(old, new, 1) if old else text + new)


@pytest.fixture
def edited(tmp_path):
    """Digests of a model after one replacement in a file of a copy of the package."""

    def after(file, old, new, model="tsn-resnet18"):
        copy = copied(tmp_path)
        edit(copy, file, old, new)
        return code_digests(model, copy)

    return after


def changed(after, model="tsn-resnet18"):
    """The parts that are not as they were, of training and of testing."""
    return tuple(
        {
            part
            for part in {**BEFORE[model][kind], **after[kind]}
            if BEFORE[model][kind].get(part) != after[kind].get(part)
        }
        for kind in KINDS
    )


LAYOUT = "p, model, device = (\n    self.spec.protocol,\n    self.model,\n    control.device\n)"

HARMLESS = [
    ("training/loop.py", "CHECK_EVERY = 50", "CHECK_EVERY = 50  # another comment"),
    ("training/loop.py", '"""Where a run stands', '"""Where a run is'),
    ("training/loop.py", "p, model, device = self.spec.protocol, self.model, control.device", LAYOUT),
    ("device.py", "def autocast(precision: str, device: str)", "def autocast(precision, device)"),
    ("report/figures/scatter.py", "", "\nEXTRA = 1\n"),
    ("report/console/progress.py", "", "\nEXTRA = 1\n"),
    ("commands/sweeping.py", "", "\nEXTRA = 1\n"),
    ("store/folder.py", "", "\nEXTRA = 1\n"),
    ("data/synthetic/generate.py", "", "\nEXTRA = 1\n"),
    ("models/cost.py", "", "\nEXTRA = 1\n"),
    ("models/networks/slowfast.py", "super().__init__()", "super().__init__(); EXTRA = 1"),
    ("models/blocks/rcca.py", "super().__init__()", "super().__init__(); EXTRA = 1"),
    ("models/backbones/inception.py", "super().__init__()", "super().__init__(); EXTRA = 1"),
    ("data/sets/jester.yaml", "classes: 27", "classes: 28"),
    ("training/run.py", '"classes": len(dataset.classes)', '"class_count": len(dataset.classes)'),
]


def test_what_cannot_change_a_result_changes_no_digest(tmp_path):
    copy = copied(tmp_path)
    for change in HARMLESS:
        edit(copy, *change)
    (copy / "models" / "temporal" / "mine.py").write_text(
        "from suite.models.layers import ConvNorm\nfrom suite.models.registry import temporal_module\n\n\n"
        '@temporal_module("mine", site="none", paper="", equation="")\nclass Mine(ConvNorm):\n    """Mine."""\n'
    )
    assert changed(code_digests("tsn-resnet18", copy)) == (set(), set())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new", "trains", "tests"),
    [
        ("training/loop.py", "CHECK_EVERY = 50", "CHECK_EVERY = 51", {"training"}, set()),
        ("training/loop.py", "self.optimizer.step()", "self.optimizer.step(None)", {"training"}, set()),
        ("training/schedule.py", "0.5 * (1 +", "0.4 * (1 +", {"training"}, set()),
        ("data/sampling.py", "def train_indices(", "def train_indices(*_, ", {"data"}, set()),
        ("data/sampling.py", "def indices_at(", "def indices_at(*_, ", set(), {"data"}),
        ("data/decoding.py", "def _by_pyav(", "def _by_pyav(*_, ", {"data"}, {"data"}),
        ("data/rng.py", "def permutation(", "def permutation(*_, ", {"data"}, set()),
        ("evaluation/inference.py", "self.views.mean(1", "self.views.sum(1", set(), {"evaluation"}),
        ("models/inputs.py", "x.float() / 255", "x.float() / 256", {"models"}, {"models"}),
        ("models/layers.py", "class SpatialConv(", "class SpatialConv(object, ", {"models"}, {"models"}),
        ("models/backbones/resnet.py", "ResidualBlock(nn.", "ResidualBlock(object, nn.", *[{"backbones/resnet"}] * 2),
        ("models/__init__.py", "0.485", "0.486", {"models"}, {"models"}),
        ("training/run.py", '"weights").integers(2**62)', '"weights").integers(2**61)', {"training"}, set()),
    ],
)  # fmt: skip
def test_an_edit_changes_the_part_that_it_is_in_and_no_other(edited, file, old, new, trains, tests):
    assert changed(edited(file, old, new)) == (trains, tests)


def test_a_model_has_the_files_that_it_uses_and_models_agree_on_what_they_share(edited):
    tsn, tam, slowfast = BEFORE.values()
    assert set(tam["code_train"]) ^ set(tsn["code_train"]) == {"temporal/tam", "temporal/tsn"}
    assert "networks/slowfast" in slowfast["code_test"]
    for kind in KINDS:
        for name, digest in tsn[kind].items():
            assert tam[kind].get(name, digest) == slowfast[kind].get(name, digest) == digest


def test_the_file_of_a_network_counts_for_those_that_use_it(edited):
    after = edited(
        "models/networks/slowfast.py", "super().__init__()", "super().__init__(); EXTRA = 1", "slowfast-resnet50"
    )
    assert changed(after, "slowfast-resnet50") == ({"networks/slowfast"},) * 2


@pytest.mark.slow
def test_a_definition_that_moves_within_its_part_is_the_same_code(tmp_path):
    copy = copied(tmp_path)
    (copy / "training" / "rate.py").write_text((copy / "training" / "schedule.py").read_text())
    (copy / "training" / "schedule.py").write_text("from suite.training.rate import learning_rate\n")
    assert changed(code_digests("tsn-resnet18", copy)) == (set(), set())
    edit(copy, "training/rate.py", "0.5 *", "0.6 *")
    sources.cache_clear()
    assert changed(code_digests("tsn-resnet18", copy)) == ({"training"}, set())


def test_the_code_that_trains_and_the_code_that_tests_as_they_are_read():
    """The list is here so that whoever makes more code count, or less, sees it."""
    trains, tests = (reached("tam-resnet18", kind) for kind in KINDS)
    both = {
        "suite.data": "clips datasets decoding frame_folders manifest sampling transforms video_table",
        "suite.models": "add_on_blocks assembly inputs layers network options positions registry sites weights",
        "suite.models.backbones": "resnet",
        "suite.models.blocks": "attention",
        "suite.models.temporal": "tam",
        "suite.models.checkpoints": "fresh source own torchvision deep_analysis pytorchvideo tsm timm mfnet",
        "suite.spec": "errors files model_names protocol weight_sources",
        "suite": "device models",
        "suite.evaluation": "control",
        "suite.training": "run",
    }
    both = {f"{package}.{module}" for package, modules in both.items() for module in modules.split()}
    assert set(trains) == both | {
        "suite.data.flips",
        "suite.data.rng",
        "suite.evaluation.group",
        "suite.models.synced_norm",
        "suite.training.compiled",
        "suite.training.division",
        "suite.training.loop",
        "suite.training.optimiser",
        "suite.training.schedule",
    }
    assert set(tests) == both - {"suite.training.run"} | {
        "suite.evaluation.inference",
        "suite.evaluation.evaluate",
        "suite.training.tester",
    }
    assert {"Trainer", "Batches"} <= set(trains["suite.training.loop"])
    assert "suite.training.loop" not in tests
    assert "suite.training.tester" not in trains


def test_what_is_not_followed_exists_and_each_has_its_reason():
    read = sources()
    for stops in NOT_FOLLOWED.values():
        for stop, reason in stops.items():
            module, colon, name = stop.partition(":")
            assert reason
            assert any(other == module or other.startswith(f"{module}.") for other in read), stop
            assert not colon or f" {name}" in read[module].decode() or f"\n{name}" in read[module].decode(), stop


def test_a_tree_is_written_the_same_whatever_its_layout_and_differently_for_another_program():
    def text(source):
        return canonical(ast.parse(source).body)

    assert text("def f(x: int) -> str:\n    'doc'\n    return x") == text("def f( x ):  # c\n  return (x)")
    assert text("def f():\n    'doc'") == text("def f(): pass")
    different = ["x = 1", "x = 1.0", "x = True", "x = '1'", "x = None", "x = b'1'", "x = f'{1}'", "x = (1,)", "x = [1]"]
    assert len({text(source) for source in different}) == len(different)


@pytest.mark.slow
def test_digests_are_the_same_in_another_process_and_bring_no_torch():
    code = "import sys, json; from suite.store.code import code_digests as c; d = c('tsn-resnet18')\n"
    code += "print(json.dumps([d, 'torch' in sys.modules]))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent, check=True)
    assert json.loads(out.stdout) == [BEFORE["tsn-resnet18"], False]


# --- a user's own network -----------------------------------------------------------------------------------------

USER = {
    "mynets/__init__.py": "",
    "mynets/net.py": "from .parts import layer\nimport besides\n\ndef make(**_):\n    return layer\n",
    "mynets/parts/__init__.py": "from mynets.parts.conv import layer\n",
    "mynets/parts/conv.py": "import math\n\nlayer = 1\n",
    "mynets/unused.py": "x = 1\n",
    "besides.py": "def f():\n    from suite.models.layers import Head\n    import late\n",
    "late.py": "y = 2\n",
}


@pytest.fixture
def user(code_folder, monkeypatch):
    for file, text in USER.items():
        (code_folder / file).parent.mkdir(parents=True, exist_ok=True)
        (code_folder / file).write_text(text)
    monkeypatch.chdir(code_folder)
    return code_folder


def test_a_users_factory_counts_with_its_local_imports_and_is_not_imported(user):
    name = "mynets.net:make"
    counted = {"besides", "late", "mynets", "mynets.net", "mynets.parts", "mynets.parts.conv"}
    assert set(user_sources("mynets.net")) == counted
    before = code_digests(name)
    assert "mynets" not in sys.modules
    for file in USER:
        old = (user / file).read_text()
        (user / file).write_text(f"# a comment\n{old}")
        assert code_digests(name) == before
        (user / file).write_text(f"{old}\nz = 3\n")
        for kind in KINDS:
            parts = {part for part, digest in code_digests(name)[kind].items() if before[kind].get(part) != digest}
            assert parts == (set() if file == "mynets/unused.py" else {name}), file
        (user / file).write_text(old)


def test_an_installed_factory_counts_with_its_own_package_alone(user, monkeypatch):
    site = user / "lib" / "site-packages"
    shutil.copytree(user / "mynets", site / "theirs")
    shutil.copy(user / "besides.py", site / "besides.py")
    shutil.rmtree(user / "mynets")
    monkeypatch.syspath_prepend(site)
    (site / "theirs" / "parts" / "__init__.py").write_text("from theirs.parts.conv import layer\n")
    assert sorted(user_sources("theirs.net")) == ["theirs", "theirs.net", "theirs.parts", "theirs.parts.conv"]


def test_what_was_loaded_counts_and_not_what_the_file_has_become(user):
    from suite.models.networks.external import _factory

    (user / "usernet_once.py").write_text("def make(**_):\n    return 1\n")
    before = code_digests("usernet_once:make")
    (user / "usernet_once.py").write_text("def make(**_):\n    return 2\n")
    assert _factory("usernet_once", "make")() == 2
    loaded = code_digests("usernet_once:make")
    assert loaded != before
    (user / "usernet_once.py").write_text("def make(**_):\n    return 3\n")
    assert code_digests("usernet_once:make") == loaded


def test_what_a_registration_only_describes_changes_no_digest(edited):
    file = "models/temporal/tam.py"
    paper = edited(file, 'paper="bLVNet-TAM, Fan et al. 2019"', 'paper="bLVNet-TAM"', "tam-resnet18")
    assert changed(paper, "tam-resnet18") == (set(), set())


def test_where_a_module_stands_is_in_its_digest(edited):
    after = edited("models/temporal/tam.py", 'site="block_entrance"', 'site="none"', "tam-resnet18")
    assert changed(after, "tam-resnet18") == ({"temporal/tam"},) * 2
