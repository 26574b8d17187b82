"""Every number of ours that a page prints is what a command or a file of results gives."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pandas as pd
import pytest
import typer

from suite.__main__ import app
from suite.data.dataset_info import info
from suite.published.findings import findings, in_brief
from suite.published.references import published_rows
from suite.spec import load_grid
from suite.statistics.intervals import SEEDS_TO_RESAMPLE
from suite.statistics.proportions import wilson
from suite.statistics.seeds.retraining import SEED_SD, one_seed_coverage
from suite.sweep.plan import Selection, make_plan
from tests.documentation.pages import PAGES, ROOT, joined

EXAMPLE = ROOT / "results" / "example"


def rows_of(page: str, first: str) -> list[list[str]]:
    """Cells of the table of a page whose heading begins with `first`."""
    lines = (ROOT / page).read_text().splitlines()
    (start,) = (i for i, line in enumerate(lines) if line.startswith(first))
    table = lines[start + 2 :]
    end = next((i for i, line in enumerate(table) if not line.startswith("|")), len(table))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[:end]]


# --- the demo -----------------------------------------------------------------------------------------------------


def percent(count: int, of: int) -> str:
    """A share in percent with one decimal, halves rounded up, computed without binary fractions."""
    return str((Decimal(100 * count) / of).quantize(Decimal("0.1"), ROUND_HALF_UP))


def test_the_readmes_demo_is_the_example_in_results():
    runs = pd.read_csv(EXAMPLE / "summary.csv").set_index(["name", "dataset"])
    quoted, table = rows_of("README.md", "| model | name in the suite"), (EXAMPLE / "accuracy.md").read_text()
    assert [cells[1].strip("`") for cells in quoted] == list(dict.fromkeys(runs.index.get_level_values("name")))
    for _, name, order, pair, scene in quoted:
        for cell, dataset in ((order, "calib_order"), (scene, "calib_scene")):
            run = runs.loc[(name.strip("`"), dataset)]
            low, high = wilson(run.top1, run.n)
            assert cell == f"{percent(round(run.top1 * run.n / 100), int(run.n))} [{low:.1f}, {high:.1f}]"
            assert cell.split(maxsplit=1)[1] in table
        run = runs.loc[(name.strip("`"), "calib_order")]
        assert pair == percent(round(run.pair_top1 * run.n / 100), int(run.n))
    assert ("an Intel Xeon" in joined("README.md")) == all(
        "Xeon" in d for d in pd.read_csv(EXAMPLE / "timing.csv").device
    )


def test_the_upper_bounds_and_class_counts_of_the_synthetic_sets_are_theirs():
    for name, label, bound in rows_of("docs/data.md", "| data set | label"):
        about = info(name.strip("`"))
        assert bound == f"{100 * about.ceiling_blind:g} %"
        assert about.ceiling_ordered == 1
        classes = re.search(r"(\d+) classes", label)
        assert int(classes[1]) == about.num_classes
        pairs = re.search(r"(\d+) pairs", label)
        assert int(pairs[1] if pairs else 0) == len(about.pairs)
    assert f"at most {100 * info('calib_order').ceiling_blind:g} %" in joined("README.md")
    assert f"{info('mini_ssv2').num_classes} classes" in joined("docs/data.md")


@pytest.mark.parametrize(
    ("page", "grid"), [("README.md", "demo"), ("docs/sweeps.md", "demo"), ("docs/sweeps.md", "frames")]
)
def test_minutes_of_a_grid_are_those_of_its_file(page, grid):
    (minutes,) = re.findall(r"[Aa]bout (\d+) minutes", (ROOT / "experiments" / f"{grid}.yaml").read_text())
    text = joined(page) if page == "README.md" else " ".join(next(r for r in rows_of(page, "| grid") if grid in r[0]))
    assert f"about {minutes} minutes" in text
    if grid == "demo":  # training of all runs, two at a time, fits into them
        assert pd.read_csv(EXAMPLE / "timing.csv").train_seconds.sum() / 2 < 60 * int(minutes)


def test_the_requirements_are_those_of_the_package_and_the_same_on_both_pages():
    low, high = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text()).groups()
    versions = [f"3.{minor}" for minor in range(int(low), int(high))]
    assert f"Python {versions[0]} to {versions[-1]}" in joined("README.md")
    assert f"Python {', '.join(versions[:-1])} or {versions[-1]}" in joined("docs/install.md")
    sizes = {re.search(r"[Aa]bout (\d+) GB", joined(page))[1] for page in ("README.md", "docs/install.md")}
    assert len(sizes) == 1


# --- models -------------------------------------------------------------------------------------------------------


def test_the_numbers_of_published_runs_are_those_of_the_record_and_the_grids():
    total, grid = len(published_rows()), len(make_plan("mini_ssv2", Selection(), Path("results"), costs=False).runs)
    for page in PAGES:
        text = joined(page)
        assert set(re.findall(r"(\d+) (?:published )?(?:models|runs) (?:that this|behind|of deep_a)", text)) <= {
            *(str(n) for n in (total, grid, total - grid)),
        }
    assert f"all {total} models" in joined("README.md")
    assert f"{grid} runs of this grid" in joined("README.md")
    assert f"the other {total - grid} runs" in joined("docs/sweeps.md")


def test_the_default_clip_of_cost_is_the_one_that_the_page_says():
    said = re.search(
        r"default is a clip of (\d+) frames of (\d+) × \2 pixels, with (\d+) classes", joined("docs/models.md")
    )
    frames, size, classes = (int(number) for number in said.groups())
    defaults = {option.name: option.default for option in typer.main.get_command(app).commands["cost"].params}
    assert (frames, size, classes) == (defaults["frames"], defaults["size"], defaults["classes"])


def test_the_calibration_grid_has_the_axes_that_the_page_says():
    axes, chain = load_grid("calibration").axes, load_grid("calibration").chain.frames
    (row,) = (cells for cells in rows_of("docs/sweeps.md", "| grid") if cells[0] == "`calibration`")
    assert row[1].startswith(f"{len(axes.module)} modules × {len(axes.backbone)} backbones × temporal pooling × ")
    assert " and ".join(str(f) for f in chain) + " frames" in row[1]


def test_models_quotes_the_cost_audit_as_it_was_computed():
    last = (EXAMPLE / "cost_audit.md").read_text().strip().splitlines()[-1]
    rows, agree, explained, not_explained = re.findall(r"\d+", last.split(". ")[0])
    assert f"Of {rows} printed costs, {agree} agree, {explained} are explained" in joined("docs/models.md")
    assert f"and {not_explained} are unexplained" in joined("docs/models.md")
    assert f"{not_explained} costs are unexplained" in joined("docs/verified.md")


def test_the_page_says_which_blocks_are_order_invariant_as_they_were_measured():
    measured = {}
    for line in (EXAMPLE / "order.txt").read_text().splitlines()[1:]:
        if cells := re.match(r"(\S+) .* (yes|no)\s*$", line):
            measured[cells[1]] = cells[2] == "yes"
    text = joined("docs/models.md")
    assert f"the measurement for {len(measured)} models" in text
    invariant = re.search(r"permutation-equivariant \((.*?)\)", text)[1]
    blocks = {name.partition("+")[2] for name in measured if name.startswith("tsn-resnet18+")}
    assert {block for block in blocks if measured[f"tsn-resnet18+{block}"]} == set(re.findall(r"`\+(\w+)`", invariant))
    sensitive = re.search(r"sensitive to order: (.*?)\. \[", text)[1]
    assert {block for block in blocks if not measured[f"tsn-resnet18+{block}"]} <= set(
        re.findall(r"`\+(\w+)`", sensitive)
    )


def test_the_speed_of_rcca_is_the_measured_one():
    text, output = joined("docs/verified.md"), (EXAMPLE / "bench_rcca.txt").read_text()
    memory = float(re.search(r"'memory, three passes over the explicit map': ([\d.]+)", output)[1])
    time = float(re.search(r"'time, explicit map over three passes': ([\d.]+)", output)[1])
    assert f"{memory:.2f} times the memory, {time:.1f} times as fast" in text
    assert "threads 1" in output
    needs = {
        cells[0]: [float(x) for x in cells[1:]]
        for cells in (re.split(r"  +", x.strip()) for x in output.splitlines()[1:])
        if len(cells) == 4
    }
    ours, others = needs["non-local, +nl"], (needs["rcca, three passes"], needs["non-local, explicit map"])
    assert all(a < b for other in others for a, b in zip(ours, other, strict=True)), "+nl needs less than both"


# --- statistics ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated():
    """Rows of `suite bench intervals`: (coverage rows, rows of bold and ranks), cells as text."""
    lines = [re.split(r"  +", line.strip()) for line in (EXAMPLE / "intervals.txt").read_text().splitlines()]
    rows = [cells for cells in lines if cells[-1] in ("yes", "NO")]
    errors = [cells for cells in rows if re.match(r"rank intervals|family-wise|power", cells[0])]
    return [cells for cells in rows if cells not in errors], errors


def rate(cells: list[str]) -> tuple[float, float]:
    """The rate or coverage of a row in percent, and its Monte-Carlo standard error."""
    value, error = cells[-3].split(" ± ")
    return float(value), float(error)


def test_the_numbers_of_settings_are_those_of_the_study(simulated):
    coverage, errors = simulated
    text = joined("docs/statistics.md")
    assert f"Coverage, {len(coverage)} settings" in text
    assert f"Bold and ranks, {len(errors)} settings" in text
    assert f"{len(coverage) + len(errors)} settings" in joined("docs/verified.md")
    assert all(cells[-1] == "yes" for cells in coverage + errors)


def test_coverage_is_what_the_page_says_save_in_the_cases_that_it_names(simulated):
    coverage, _ = simulated
    text = joined("docs/statistics.md")
    low, high = re.search(r"cover the truth in (\d+) to (\d+) %", text).groups()
    for cells in coverage:
        value, error = rate(cells)
        quantity, setting, required = cells[0], cells[1], cells[-2]
        if required == f"{low} to {high}":
            assert int(low) - 3 * error <= value <= int(high) + 3 * error
        elif quantity == "accuracy" and required == "none":
            assert f"covers an accuracy in only {value} % of sweeps" in text
        elif required != "none" and value > int(high):
            named = "discordant" in setting or "accuracies alone" in setting or "Phi" in quantity
            assert named or quantity == "Kendall's tau", cells


def test_the_error_rate_of_bold_and_ranks_is_what_the_page_says(simulated):
    _, errors = simulated
    text = joined("docs/statistics.md")
    family = [cells for cells in errors if cells[0] == "family-wise error" and "points apart" not in cells[1]]
    less = r"same videos|half with|\d videos"
    usual = [cells for cells in family if not re.search(less, cells[1])]
    low, high = min(rate(c)[0] for c in usual), max(rate(c)[0] for c in usual)
    assert f"{low} to {high} % of tables" in text
    assert all(rate(cells)[0] <= 5 + 3 * rate(cells)[1] for cells in family), "within Monte-Carlo error of 5 %"
    sizes, few = re.search(r"below (\d+) % with 50 or 240 videos, and below (\d) % if some models", text).groups()
    assert max(rate(c)[0] for c in family if re.search(r", (50|240) videos", c[1])) < int(sizes)
    assert max(rate(c)[0] for c in family if re.search("same videos|half with", c[1])) < int(few)
    models = [int(cells[-4]) for cells in family]
    assert f"With {min(models)} to {max(models)} equally good models" in text
    worst = max(rate(cells)[0] for cells in errors if cells[0].startswith("rank intervals"))
    assert f"miss a true rank in at most {worst} % of tables" in text


def test_the_number_of_seeds_from_which_seeds_are_resampled_is_the_one_in_use():
    assert f"From {SEEDS_TO_RESAMPLE} seeds on" in joined("docs/statistics.md")


def test_the_coverage_of_one_seed_is_the_computed_one():
    share = f"{100 * one_seed_coverage(60, 10_000):.0f}"
    text = joined("docs/statistics.md")
    assert f"over seeds is {SEED_SD:g} points, the interval for an accuracy of 60 % on 10,000 videos" in text
    assert f"covers the expected accuracy in {share} % of cases" in text


# --- the published record -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    return {finding.key: finding for finding in findings(("table_7", "confounds", "margins"))}


def test_the_page_quotes_what_the_findings_say(found):
    page = (ROOT / "docs" / "published-record.md").read_text()
    quoted = re.search(r"<!-- `suite reproduce brief`.*?-->\n(.*?)<!-- end -->", page, re.DOTALL)[1]
    assert " ".join(quoted.split()) == in_brief(found)
    everything = " ".join(file.read_text() for file in PAGES).replace(quoted, "")
    assert not re.search(r"\d+ of (the )?72|validation sets were padded", everything), "claims come from one place"


def test_the_table_of_confounds_is_that_of_the_finding(found):
    quoted = [[int(cell) for cell in row[1:]] for row in rows_of("docs/published-record.md", "| compared")]
    assert quoted == [[pairs, batch, seen] for _, pairs, batch, _, seen in found["confounds"].rows]
