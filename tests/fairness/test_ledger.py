"""Grades of factors and verdicts, marks of confounded results in tables and figures, what --strict withholds."""

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from suite.collect.evidence import gather
from suite.collect.resolve import contender
from suite.evaluation.predictions import Outcome
from suite.fairness.compare import compare
from suite.fairness.contender import Contender
from suite.fairness.factors import FACTORS, judge
from suite.published.findings import findings
from suite.published.references import published_rows
from suite.report.page import write_page
from suite.report.tables.formats import Estimate, to_csv, to_html, to_latex, to_markdown
from suite.report.tables.make import accuracy_table, contribution_table, make_tables
from suite.spec import TABLES
from suite.statistics.run_table import mean_over_seeds, stages
from tests.fairness.test_fairness import factors
from tests.report.test_report import csv_of, run

ROOT = Path(__file__).parents[2]
TABLES_WITH_ACCURACIES = [name for name in dict.fromkeys((*TABLES, "frames")) if name != "cost"]


# --- grades -------------------------------------------------------------------------------------------------------


def test_every_factor_has_a_grade_and_a_sentence_on_its_effect():
    from suite.fairness.grades import CONFOUND, GRADES, MINOR

    assert set(FACTORS) <= set(GRADES)
    for name, grade in GRADES.items():
        assert grade.grade in (CONFOUND, MINOR), name
        assert grade.known.endswith("."), name
    assert GRADES["batch_norm"].grade == CONFOUND


def test_the_list_of_factors_prints_every_grade(capsys):
    from suite.report.console.comparison import factor_list, print_factors

    assert [row["factor"] for row in factor_list()] == list(FACTORS)
    print_factors()
    printed = " ".join(capsys.readouterr().out.split())
    assert all(name in printed for name in FACTORS)


def expected_grade(a, b):
    """The rule of precedence once more, from the definition."""
    from suite.fairness.grades import CONFOUND, grade_of

    known = {f for f in FACTORS if f != "module" and None not in (a[f], b[f]) and a[f] != b[f]}
    unknown = {f for f in FACTORS if f != "module" and None in (a[f], b[f])}
    for fields, grade in ((known, "confounded"), (unknown, "unknown")):
        if any(grade_of(f) == CONFOUND for f in fields):
            return grade
    return "minor_differences" if known | unknown else "same_protocol"


def test_the_grade_of_a_verdict_follows_the_precedence_of_known_unknown_and_minor():
    from suite.fairness.grades import MINOR, grade_of

    rng, seen = np.random.default_rng(0), set()
    minor = [f for f in FACTORS if grade_of(f) == MINOR]
    for fields, share in itertools.product((minor, list(FACTORS)), (0.0, 0.01, 0.1, 0.5)):
        for _ in range(50):
            a, b = dict.fromkeys(FACTORS, 1), dict.fromkeys(FACTORS, 1)
            b |= {f: (None, 2)[rng.integers(2)] for f in fields if rng.random() < share}
            verdict = judge(a, b)
            assert verdict.grade == expected_grade(a, b) == judge(b, a).grade
            assert verdict.comparable == (verdict.grade in ("same_protocol", "minor_differences"))
            seen.add(verdict.grade)
    assert seen == {"same_protocol", "minor_differences", "confounded", "unknown"}


@pytest.mark.parametrize("field", ["code_train", "code_test", "packages", "device", "decoder", "step_batch"])
def test_a_minor_difference_is_named_and_leaves_two_runs_comparable(field):
    found = compare(side(factors()), side(factors() | {field: "another"}))
    assert (found["grade"], found["comparable"]) == ("minor_differences", True)
    (difference,) = found["confounds"]
    assert (difference["field"], difference["grade"]) == (field, "minor")
    assert difference["known"].endswith(".")
    assert found["verdict"] == f"comparable but for: {FACTORS[field]}"


def test_the_batch_per_batch_normalisation_is_no_minor_difference():
    found = compare(side(factors()), side(factors(step_batch=8)))
    grades = {d["field"]: d["grade"] for d in found["confounds"]}
    assert grades == {"batch_norm": "confound", "step_batch": "minor"}
    assert found["grade"] == "confounded"


def side(known, top1=50.0):
    return Contender("x", top1, 240, known)


def test_published_rows_are_compared_on_what_is_known(tmp_path):
    a, b = (contender(f"published.mini_ssv2.{m}-resnet50.f8", tmp_path) for m in ("tsn", "tam"))
    found = compare(a, b)
    assert (found["grade"], found["comparable"], found["confounds"]) == ("unknown", False, [])
    same, differs, not_known = found["verdict"].partition(": ")[2].split("; ")
    assert "effective batch size" in same
    assert differs == "differs in nothing"
    assert "seed" in not_known.removeprefix("not known: ").split(", ")
    other = contender("published.mini_ssv2.tam-resnet50.f16", tmp_path)
    found = compare(a, other)
    assert found["grade"] == "confounded"
    assert "differs in frames per clip" in found["verdict"]


# --- a model of another codebase ----------------------------------------------------------------------------------


@pytest.fixture
def theirs(tmp_path):
    """Writes predictions with a YAML that states every factor of our run but those of `leave_out`; reads both."""

    def write(leave_out=(), **changes):
        ids = [f"v{i}" for i in range(8)]
        path = tmp_path / "theirs.csv"
        pd.DataFrame({"id": ids, "label": range(8), "prediction": range(8)}).to_csv(path, index=False)
        stated = {k: v for k, v in factors().items() if k not in ("views", "module", *leave_out)}
        about = {"name": "MyNet", "classes": [f"c{k}" for k in range(8)], "views": "1x1"} | stated | changes
        path.with_suffix(".yaml").write_text(yaml.safe_dump(about))
        return contender(str(path), tmp_path)

    return write


SOFTWARE = ("code_train", "code_test", "packages", "device")


def test_a_truthful_foreign_model_is_comparable_but_for_its_software(theirs):
    found = compare(theirs(SOFTWARE), side(factors()))
    assert (found["grade"], found["comparable"]) == ("minor_differences", True)
    assert {d["field"] for d in found["unknown"]} == set(SOFTWARE)
    assert {d["grade"] for d in found["unknown"]} == {"minor"}
    assert found["verdict"] == f"comparable but for: {', '.join(f'{FACTORS[f]} (not reported)' for f in SOFTWARE)}"


def test_a_foreign_model_that_hides_a_factor_is_unknown_and_one_that_differs_is_confounded(theirs):
    found = compare(theirs((*SOFTWARE, "tuning")), side(factors()))
    assert (found["grade"], found["comparable"]) == ("unknown", False)
    found = compare(theirs((*SOFTWARE, "tuning"), batch=64), side(factors()))
    assert (found["grade"], found["comparable"]) == ("confounded", False)


def test_a_truthful_foreign_model_has_no_letter_and_stays_in_a_strict_table(theirs):
    ours = [run(m, t, dataset="calib_order", factors=factors()) for m, t in (("tsn", 50.0), ("tam", 60.0))]
    rows = pd.concat([pd.DataFrame(ours), pd.DataFrame([theirs(SOFTWARE).row])], ignore_index=True)
    assert gather(rows).marks.letters == {}
    strict = accuracy_table(rows, evidence=gather(rows, strict=True))
    assert "withheld" not in to_markdown(strict)
    assert "Minor differences between runs: training code (not reported for 1 of 3)" in strict.note


# --- a grid with one run that is the best by far, and confounded --------------------------------------------------

BEST = 96.21  # of the run with another batch: no table of a strict report may hold it
MODULES = {"tsn": 50.0, "tam": 70.0, "s3d": 68.0}
BODIES = {"resnet18": 0.0, "resnet50": 4.0}
ODD = ("tam", "none", "resnet50", 16)  # trained with another batch
SILENT = ("s3d", "tp", "resnet18", 8)  # does not say how many videos it held out
N = 240


def grid_rows(with_predictions=True):
    """3 modules x 3 backbones x with and without pooling x 2 frame counts, with predictions of N videos each."""
    rng, rows = np.random.default_rng(1), []
    difficulty = rng.random(N)
    for (module, base), (body, more), pooling, frames in itertools.product(
        MODULES.items(), BODIES.items(), ("none", "tp"), (8, 16)
    ):
        where = (module, pooling, body, frames)
        row = run(module, base + more + frames / 8 - 3 * (pooling == "tp"), pooling=pooling, frames=frames)
        name = row["name"].replace("resnet18", body)
        changes = {"batch": 16} if where == ODD else {}
        stated = factors(model=name, frames=frames, **changes) | ({"held_out": None} if where == SILENT else {})
        correct = difficulty < row["top1"] / 100
        ids = np.array([f"v{i:03d}" for i in range(N)])
        row |= {"predictions": Outcome(ids, np.where(correct, 0, 1), np.zeros(N, int)), "top1": 100 * correct.mean()}
        if where == ODD:
            row |= {"top1": BEST, "predictions": "", "n": 12345.0}
        row |= {"name": name, "backbone": body, "factors": stated, "id": f"{name}.f{frames}.s0"}
        row |= {"gmacs": frames / 8 + MODULES[module] / 50 + more, "params": 1e6 * (10 + more)}
        rows.append(row if with_predictions else row | {"predictions": ""})
    return pd.DataFrame(rows)


def frames_tests(rows):
    """Each run without pooling tested at 8 and 16 frames, as `suite.collect.frames.frames_by_frames` gives it."""
    lines = [
        {"dataset": r["dataset"], "model": r["name"], "train_frames": r["frames"], "test_frames": f, "top1": r["top1"]}
        | {"n": int(r["n"]), "control": "", "epochs_seen": 6, "seed": 0, "id": r["id"]}
        for r in rows.to_dict("records")
        for f in (8, 16)
        if r["pooling"] == "none"
    ]
    return pd.DataFrame(lines)


@pytest.fixture(scope="module")
def rows():
    return grid_rows()


@pytest.fixture(scope="module")
def odd(rows):
    return set(gather(rows).marks.letters)


def test_a_known_and_an_unknown_factor_that_confounds_mark_their_runs(rows, odd):
    assert odd == {"tam-resnet50.f16.s0", "s3d-resnet18-tp.f8.s0"}


@pytest.fixture(scope="module")
def strict(rows, odd):
    """The tables of a strict report by name, of all rows and of the kept rows alone."""

    def tables(some):
        evidence = gather(some, strict=True, tests=frames_tests(some))
        return {table.name: table for table in make_tables(some, [*TABLES, "frames"], evidence=evidence)}

    return tables(rows), tables(rows[~rows["id"].isin(odd)])


@pytest.mark.parametrize("name", [name for name in (*TABLES_WITH_ACCURACIES, "cost") if name != "accuracy"])
def test_a_strict_table_is_that_of_the_kept_runs_alone(strict, name):
    full, alone = (tables[name] for tables in strict)
    for render in (to_csv, to_markdown, to_latex, to_html):
        assert render(full) == render(alone)


def test_a_strict_accuracy_table_is_that_of_the_kept_runs_but_for_the_letters_of_withheld_ones(strict):
    full, alone = (tables["accuracy"] for tables in strict)
    assert re.sub(r" Runs withheld .*?(?= Minor| Not reported|$)", "", full.note) == alone.note
    withheld = 0
    for here, there in zip(full.parts, alone.parts, strict=True):
        kept = {cells[1]: cells for cells in there.rows}
        for cells in here.rows:
            for column, cell, other in zip(full.columns, cells, kept[cells[1]], strict=True):
                if isinstance(cell, Estimate) and cell.mark:
                    assert np.isnan(cell.value), column.key
                    assert other is None, column.key
                    withheld += 1
                else:
                    assert str(cell) == str(other), column.key  # texts, as NaN equals nothing
    assert withheld == 2


def test_a_withheld_run_decides_no_bold(rows, strict):
    full, alone = (to_markdown(tables["accuracy"]) for tables in strict)
    assert full.count("**") == alone.count("**") > 0
    (best,) = re.findall(r"\| tam-resnet50 .*", to_markdown(accuracy_table(rows, evidence=gather(rows))))
    assert f"{BEST:.1f}" in best, "without --strict it is shown"
    assert not any(f"{BEST:.1f}" in to_csv(table) + to_html(table) for table in strict[0].values())


def test_a_strict_page_knows_nothing_of_withheld_runs_but_their_letters(rows, strict, tmp_path):
    evidence = gather(rows, strict=True)
    clocks = pd.DataFrame({"id": rows["id"], "train_seconds": 3600.0, "clips_per_second": 10.0})
    text = write_page("Strict", rows, tmp_path, clocks, strict[0].values(), evidence).read_text()
    assert f"{BEST:.1f}" not in text
    assert "12345" not in text
    assert "withheld" in text
    assert "Accuracy at equal measured cost" in text


def test_figures_of_a_strict_report_get_the_kept_rows_and_draws(rows, odd):
    full, kept = gather(rows, strict=True), rows[~rows["id"].isin(odd)]
    alone = gather(kept, strict=True)
    shown = stages(full.kept(rows))
    assert list(shown["id"]) == list(kept["id"])
    a, b = full.draws(shown), alone.draws(kept)
    assert set(a) == set(b) == {"moving_shapes"}
    assert np.array_equal(a["moving_shapes"], b["moving_shapes"])


def test_of_several_seeds_only_the_confounded_one_is_withheld():
    seeds = [run("tam", 70.0 + s, seed=s, factors=factors(**({"batch": 16} if s == 2 else {}))) for s in range(3)]
    rows = pd.DataFrame([run("tsn", 50.0, factors=factors()), *seeds])
    line = csv_of(accuracy_table(rows, evidence=gather(rows, strict=True)))[1]
    assert (float(line["top1_f8"]), line["seeds"], line["top1_f8_mark"]) == (70.5, "2", "a")


def test_a_table_of_which_every_run_of_a_data_set_is_withheld_shows_their_letters(rows):
    alone = rows[rows["id"].isin(gather(rows).marks.letters)].assign(dataset="other")
    alone = alone.assign(factors=[f | {"dropout": i} for i, f in enumerate(alone["factors"])])
    table = pd.concat([rows, alone], ignore_index=True)
    evidence = gather(table, strict=True)
    part = next(p for p in accuracy_table(table, evidence=evidence).parts if p.title == "other")
    assert part.rows


# --- without --strict: marks in every table and figure ------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES_WITH_ACCURACIES)
def test_every_table_with_accuracies_marks_what_rests_on_a_confounded_run(rows, name):
    evidence = gather(rows, tests=frames_tests(rows))
    (table,) = make_tables(rows, [name], evidence=evidence)
    letters = evidence.marks.letters
    odd = letters["tam-resnet50.f16.s0"]
    text = to_markdown(table)
    # behind a number, alone or with another letter, or behind the name of the model
    assert re.search(rf"<sup>([a-z],)?{odd}|\({odd}\)", text)
    assert f"{odd}: effective batch size 16 instead of 32" in table.note
    cells = [cell for part in table.parts for row in part.rows for cell in row if isinstance(cell, Estimate)]
    # an effect is over all other cells and a ranking over all models, so that each rests on a confounded run here
    rests_on_all = name in ("effects", "rank_stability")
    assert rests_on_all or not all(cell.mark for cell in cells), "runs that are as their column have no letter"


def test_without_a_ledger_no_table_has_a_mark(rows):
    evidence = gather(rows.assign(factors=None, predictions=""), tests=frames_tests(rows))
    made = make_tables(rows, TABLES_WITH_ACCURACIES, evidence=evidence)
    assert [table.name for table in made] == TABLES_WITH_ACCURACIES
    assert not any("<sup>" in to_markdown(table) for table in made)


def test_a_mean_is_marked_when_its_baseline_is_confounded():
    rows = pd.DataFrame(
        [
            run("tsn", 50.0, factors=factors(batch=16)),
            *(run(m, 70.0, factors=factors()) for m in ("tam", "s3d", "i3d")),
        ]
    )
    lines = csv_of(contribution_table(rows, evidence=gather(rows)))
    assert [line["phi_mark"] for line in lines] == ["a", "a", "a"]


def crosses(figure):
    """The points of a figure that carry a cross."""
    lines = [line for axes in figure.axes for line in axes.lines if line.get_label() == "confounded"]
    return sum(len(line.get_xdata()) for line in lines)


def test_every_figure_crosses_confounded_runs_and_says_what_a_cross_is(rows, odd):
    from suite.report.figures import scatter as plots
    from suite.report.figures.marks import with_marks
    from suite.report.figures.tradeoffs import pareto_plot

    letters = gather(rows).marks.letters
    runs = with_marks(mean_over_seeds(rows), letters)
    figures = [draw(runs) for draw in (plots.accuracy_vs_gflops, plots.accuracy_vs_frames)]
    figures.append(pareto_plot(rows, letters=letters))
    for figure in figures:
        assert crosses(figure) == len(odd)
        entries = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        assert "confounded" in entries
    assert crosses(plots.gain_by_temporal_pooling(runs)) == 2, "one bar for each of the two runs"
    plain = [draw(mean_over_seeds(rows)) for draw in (plots.accuracy_vs_gflops, plots.gain_by_temporal_pooling)]
    assert [crosses(figure) for figure in [*plain, pareto_plot(rows)]] == [0, 0, 0]
    named = [text.get_text() for axes in figures[-1].axes for text in axes.texts]
    letter = letters["tam-resnet50.f16.s0"]
    assert any(f"tam-resnet50 [{letter}]" in text for text in named), "on the front the name has the letter"


def test_minor_differences_mark_no_cell_and_are_named_once():
    devices = {"tsn": "cpu", "tam": "another"}
    rows = pd.DataFrame([run(m, 50.0, factors=factors() | {"device": device}) for m, device in devices.items()])
    table = accuracy_table(rows, evidence=gather(rows, strict=True))
    assert "withheld" not in to_markdown(table)
    assert table.note.count("Minor differences between runs: device.") == 1


# --- published numbers beside ours --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published():
    return published_rows()


def from_scratch(*models, frames=(8,)):
    """Runs of ours from scratch, for one epoch, on a published data set."""
    rows = []
    for module, f in itertools.product(models, frames):
        name = f"{module}-resnet18"
        known = factors(model=name, frames=f, epochs=1) | {"dataset": "mini_ssv2"}
        rows.append(run(module, 10.0, frames=f, n=11799, dataset="mini_ssv2", factors=known))
    return pd.DataFrame(rows)


def test_a_published_number_says_in_what_it_is_known_to_differ_from_ours(published, tmp_path):
    ours = from_scratch("tam")
    table = accuracy_table(ours, published, gather(ours))
    (line,) = csv_of(table)
    assert line["published_top1_f8"]
    assert line["published_top1_f8_mark"] == "1"
    assert "<sup>1</sup>" in to_markdown(table)
    theirs = contender("published.mini_ssv2.tam-resnet18.f8", tmp_path)
    found = compare(Contender("ours", 10.0, 11799, ours["factors"][0]), theirs)
    expected = {d["field"] for d in found["confounds"] if d["grade"] == "confound"}
    assert {"pretraining", "schedule", "epochs_seen"} <= expected
    note = re.search(r"known differences: (1: .*?)\. ", table.note + " ")[1]
    assert all(FACTORS[name] in note for name in expected)
    assert "pretraining (scratch, published imagenet)" in note


def test_cells_with_the_same_differences_share_one_number(published):
    ours = from_scratch("tsn", "tam", frames=(8, 16))
    lines = csv_of(accuracy_table(ours, published, gather(ours)))
    marks = {line[f"published_top1_f{f}_mark"] for line in lines for f in (8, 16)}
    at_8, at_16 = ({line[f"published_top1_f{f}_mark"] for line in lines} for f in (8, 16))
    assert marks == {"1", "2"}
    assert (len(at_8), len(at_16)) == (1, 1), "the published 16-frame runs went through an earlier stage"


def test_a_strict_table_withholds_published_numbers_that_are_confounded_and_no_others(published):
    ours = from_scratch("tam")
    table = accuracy_table(ours, published, gather(ours, strict=True))
    assert "Published values withheld" in table.note
    assert csv_of(table)[0]["published_top1_f8"] == ""
    row = published.query("dataset == 'mini_ssv2' and name == 'tam-resnet18' and frames == 8").iloc[0]
    alike = ours.assign(factors=[row["factors"] | {"seed": 0}])
    (line,) = csv_of(accuracy_table(alike, published, gather(alike, strict=True)))
    assert (float(line["published_top1_f8"]), line["published_top1_f8_mark"]) == (row["top1"], "")


def test_published_means_of_contributions_are_marked_too(published):
    ours = from_scratch("tsn", "tam")
    (line,) = csv_of(contribution_table(ours, published, gather(ours)))
    assert (line["published_psi_ta_mark"], bool(line["published_psi_ta"])) == ("1", True)
    (line,) = csv_of(contribution_table(ours, published, gather(ours, strict=True)))
    assert (line["published_psi_ta_mark"], line["published_psi_ta"]) == ("1", "")


# --- claims, and what an interval covers --------------------------------------------------------------------------


def test_the_readme_quotes_what_the_findings_say():
    from suite.published.findings import confound_counts, in_brief

    found = {finding.key: finding for finding in findings(("table_7", "confounds", "margins"))}
    readme = (ROOT / "README.md").read_text()
    quoted = re.search(r"<!-- `suite reproduce brief`.*?-->\n(.*?)<!-- end -->", readme, re.DOTALL)[1]
    assert " ".join(quoted.split()) == in_brief(found)
    assert f"({confound_counts(found)})" in readme
    outside = readme.replace(quoted, "")
    assert not re.search(r"\d+ of (the )?72|validation sets were padded", outside), "claims come from one place"


def test_the_committed_findings_are_what_the_record_gives_today():
    from suite.report.reproduce import to_text

    assert (ROOT / "results/reproduced/findings.md").read_text() == to_text(findings()), "run `make reproduce`"


def test_the_readme_quotes_the_cost_audit_as_it_was_computed():
    last = (ROOT / "results/example/cost_audit.md").read_text().strip().splitlines()[-1]
    counts = re.search(r"Of (\d+) .*? (\d+) agree .*?, (\d+) are .*? (\d+) are", last)
    rows, agree, explained, not_explained = counts.groups()
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"of {rows} rows {agree} agree, {explained} are explained" in readme
    assert f"and {not_explained} are not" in readme


def test_fewer_winners_are_left_unseparated_by_a_paired_interval_the_fewer_videos_are_discordant():
    from suite.published.findings_grid import not_separated, paired_half_width

    (finding,) = findings(["margins"])
    within = not_separated(finding.rows)
    assert within == {"unpaired": 49, "paired": [26, 45]}  # as an independent recomputation found them
    assert all(str(count) in finding.statement for count in (49, 26, 45))
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 3000)) < [[0.62], [0.55]]
    d = a.astype(float) - b
    oracle = 100 * 1.959963984540054 * d.std() / np.sqrt(len(d))
    assert paired_half_width(100 * d.mean(), len(d), float(np.mean(a != b))) == pytest.approx(oracle)


def test_padding_is_said_to_be_consistent_and_not_to_be_a_fact():
    (finding,) = findings(["grim"])
    assert "consistent with" in finding.title + finding.statement
    assert "as a distributed sampler pads" not in finding.statement


@pytest.mark.parametrize(("top1", "n", "sd"), [(60.0, 10_000, 1.2), (60.0, 10_000, 0.0), (75.0, 1_000, 1.2)])
def test_the_coverage_of_one_seed_is_that_of_simulated_seeds(top1, n, sd):
    from suite.statistics.proportions import wilson
    from suite.statistics.retraining import one_seed_coverage

    rng = np.random.default_rng(0)
    expected = top1 + sd * rng.standard_normal(4000)
    seen = 100 * rng.binomial(n, expected / 100) / n
    covered = np.mean([low <= top1 <= high for low, high in (wilson(value, n) for value in seen)])
    assert one_seed_coverage(top1, n, sd) == pytest.approx(covered, abs=0.02)


def test_no_caption_says_95_percent_instead_of_95_percent():
    from suite.statistics.retraining import coverage_note

    assert coverage_note([(60.0, 50)]) == ""
    assert "54 % of cases instead of 95 %" in coverage_note([(60.0, 10_000)])
    assert "54 to 95 %" in coverage_note([(60.0, 10_000), (60.0, 50)])


def test_the_readme_quotes_the_coverage_of_one_seed():
    from suite.statistics.retraining import SEED_SD, one_seed_coverage

    readme = " ".join((ROOT / "README.md").read_text().split())
    share = f"{100 * one_seed_coverage(60, 10_000):.0f}"
    assert f"seeds of {SEED_SD:g} points, such an interval covers the expected accuracy in {share} % of cases" in readme


def test_captions_say_that_one_seed_does_not_cover_training_again(rows):
    one = {t.name: t.note for t in make_tables(rows, ["accuracy", "contribution", "pareto"], evidence=gather(rows))}
    assert "do not cover training again" in one["accuracy"]
    assert "do not cover training again" in one["contribution"]
    assert "training again with another seed is not covered" in one["pareto"]
    again = rows.assign(seed=1, id=rows["id"] + "1")
    several = accuracy_table(pd.concat([rows, again], ignore_index=True))
    assert "do not cover training again" not in several.note


def test_the_readmes_demo_is_the_example_in_results():
    readme = (ROOT / "README.md").read_text()
    example = (ROOT / "results" / "example" / "accuracy.md").read_text().split("### calib_scene")[0]

    def cells(text):
        rows = [line.replace("*", "").strip("| ").split("|") for line in text.splitlines() if line.startswith("| ts")]
        rows += [line.replace("*", "").strip("| ").split("|") for line in text.splitlines() if line.startswith("| tam")]
        return {row[0].split()[0]: [cell.strip() for cell in row[1:]] for row in rows if "[" in row[1]}

    assert len(cells(example)) == 4
    assert cells(readme) == cells(example)
