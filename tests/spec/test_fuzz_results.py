"""Whatever annotations, predictions or an archive hold: a command works, or says in one sentence what is wrong."""

import contextlib
import json
import tempfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from suite.collect.evidence import gather
from suite.collect.resolve import read_results
from suite.collect.results_table import ResultsTable, run_rows
from suite.data.check import check
from suite.fairness.sides import compare_sides
from suite.spec import BadInput
from suite.store.archive import open_archive, pack
from suite.sweep.archived import archived_plan, stage
from suite.sweep.summary import timing
from tests.made_up_runs import made_up_plan
from tests.spec.odd_input import answer, as_text, changed, examples, working_directory, works


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with working_directory(tmp_path_factory.mktemp("home")) as folder:
        yield folder


LABELS = {"Moving something up": "0", "Moving something down": "1"}
ITEMS = [{"id": str(i), "template": f"Moving [something] {'up' if i % 2 else 'down'}"} for i in range(4)]


@pytest.mark.slow
@examples(100)
@given(
    labels=st.one_of(st.just(LABELS), changed(LABELS)),
    train=st.one_of(st.just(ITEMS), changed(ITEMS)),
    instead=st.sampled_from(
        [None, None, None, "[1", '{"a": 1, "a": 2}', "[1e999]", "\ud800", "", "[" * 5000, "9" * 5000]
    ),
)
def test_annotation_files(home, labels, train, instead):
    data = home / "data"
    (data / "20bn-something-something-v2").mkdir(parents=True, exist_ok=True)
    for name, content in (("labels", labels), ("train", train), ("validation", ITEMS)):
        text = json.dumps(content) if instead is None or name != "labels" else instead
        file = data / f"something-something-v2-{name}.json"
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
    works(check, "ssv2", data)


FACTORS = {
    "name": "theirs",
    "dataset": "theirs",
    "classes": ["up", "down", "left", "right"],
    "frames": 8,
    "views": "1x1",
    "module": "tsm",
    "params": 1000,
    "gmacs": 1.5,
    "seed": 0,
    "epochs_seen": 10,
    "sampling": {"rule": "uniform"},
    "schedule": {"kind": "multistep", "lr": 0.1, "milestones": [2, 4]},
    "chain_frames": [8],
    "data": {"train": 10},
}
ROWS = {"id": ["a", "b", "c"], "label": [0, 1, 2], "logits": [[1.0, 0.5, 0.0, 0.0], [0, 1, 0, 0], [0, 1, 0, 0]]}


@pytest.mark.slow
@examples(120)
@given(
    factors=st.one_of(st.just(FACTORS), changed(FACTORS)),
    table=st.one_of(st.just(ROWS), changed(ROWS), changed(ROWS)),
    kind=st.sampled_from([".csv", ".csv", ".parquet"]),
)
def test_predictions_of_other_codebases(home, factors, table, kind):
    theirs, ours = home / f"a{kind}", home / "b.csv"
    (home / "a.yaml").write_text(as_text(factors), encoding="utf-8")
    (home / "b.yaml").write_text(as_text(FACTORS))
    pd.DataFrame(ROWS).to_csv(ours, index=False)
    with contextlib.suppress(ValueError, TypeError, OverflowError, AttributeError):  # pandas cannot make such a file
        frame = pd.DataFrame(table)
        frame.to_csv(theirs, index=False, errors="replace") if kind == ".csv" else frame.to_parquet(theirs)
    if theirs.exists():
        works(lambda: compare_sides(read_results(str(theirs), home), read_results(str(ours), home), "module"))


def test_the_predictions_that_are_changed_here_work_as_they_are(home):
    (home / "b.yaml").write_text(as_text(FACTORS))
    pd.DataFrame(ROWS).to_csv(home / "b.csv", index=False)
    assert answer("compare", home / "b.csv", home / "b.csv", "--json")[0] == 0


@pytest.fixture(scope="module")
def archived(home):
    """The files of an archive of two finished runs: name -> content."""
    grid = {
        "protocol": "smoke",
        "data": "calib_order",
        "models": ["tsn-resnet18", "tam-resnet18"],
        "chain": {"frames": [8]},
    }
    (home / "two.yaml").write_text(as_text(grid))
    with tempfile.TemporaryDirectory() as place:
        stage(made_up_plan("two.yaml", home / "results"), Path(place))
        return {
            file.relative_to(place).as_posix(): file.read_bytes()
            for file in sorted(Path(place).rglob("*"))
            if file.is_file()
        }


@pytest.mark.slow
@examples(12)
@given(data=st.data())
def test_archives(home, archived, data):
    name = data.draw(st.sampled_from([name for name in archived if name.endswith((".json", ".jsonl", ".yaml"))]))
    old = yaml.safe_load(archived[name]) if name.endswith(".yaml") else json.loads(archived[name])
    if name.endswith("result.json") and data.draw(st.booleans()):
        del old["checksum"], old["manifest_parts"]  # as an early version wrote it
    new = data.draw(changed(old))
    text = as_text(new) if name.endswith(".yaml") else json.dumps(new)
    with tempfile.TemporaryDirectory(dir=home) as place:
        files = {}
        for number, (member, content) in enumerate((archived | {name: text.encode()}).items()):
            files[member] = Path(place) / str(number)
            files[member].write_bytes(content)
        archive = Path(place) / "x.tar.gz"
        pack(files, {"grid": "two"}, archive)
        first, second = sorted({member.split("/")[3] for member in archived if "/runs/" in member})
        into = Path(place) / "results"
        command = data.draw(st.sampled_from([("explain",), ("compare", f"{archive}#{second}")]))
        answer(*command, f"{archive}#{first}", "--results", into, "--json")
        try:  # what `suite report` does before it draws
            plan = archived_plan(open_archive(archive, into / "archives"))
            gather(ResultsTable.of(run_rows(plan)))
            assert all(timing(run) for run in plan.runs)
        except BadInput:
            pass  # its text is one printable line by construction, see test_input.py
