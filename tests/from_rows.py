"""Rows as tests write them, passed to functions that take a `ResultsTable` or one of its frames."""

from suite.collect import evidence as evidences
from suite.collect import pairs, power, ranks
from suite.collect.evidence import Evidence
from suite.collect.results_table import ResultsTable
from suite.published import beside as besides
from suite.report import page
from suite.report.figures import pairs as pair_figures
from suite.report.figures import scatter
from suite.report.figures import tradeoffs as tradeoff_figures
from suite.report.tables import accuracy, make
from suite.report.tables import contribution as contribution_tables
from suite.report.tables import cost as cost_tables
from suite.report.tables import pairs as pair_tables
from suite.report.tables import tradeoffs as tradeoff_tables
from suite.report.tables.rendering.table import DEFAULT_PRINTING
from suite.statistics import contribution as contributions
from suite.statistics import effects, tradeoffs
from suite.statistics import split_use as split_uses

of = ResultsTable.of


def finished(rows):
    return of(rows).finished


def mean_over_seeds(rows):
    return of(rows).cells


def gather(rows, *args, **options):
    return evidences.gather(of(rows), *args, **options)


def kept(rows, evidence):
    return (evidence or Evidence()).kept(of(rows))


# --- statistics ---------------------------------------------------------------------------------------------------


def cells(rows):
    return of(rows).contribution_cells


def contribution(rows):
    return contributions.contribution(cells(rows))


def split_use(rows):
    return split_uses.split_use(finished(rows))


def main_effects(rows, *args, **options):
    return effects.main_effects(mean_over_seeds(rows), *args, **options)


def with_costs(rows):
    return tradeoffs.with_costs(finished(rows), mean_over_seeds(rows))


def fronts(rows, *args, **options):
    return tradeoffs.fronts(finished(rows), mean_over_seeds(rows), *args, **options)


def beside(reference, rows):
    return besides.beside(reference, finished(rows))


# --- collect ------------------------------------------------------------------------------------------------------


def all_pairs(rows, evidence, intervals=True):
    return pairs.all_pairs(mean_over_seeds(rows), evidence, intervals)


def model_pairs(rows, evidence):
    return pairs.all_pairs(kept(rows, evidence).stages.cells, evidence or Evidence())


def stability(rows, evidence):
    return ranks.stability(of(rows).stages, model_pairs(rows, evidence), evidence)


def measured(rows, evidence):
    return power.measured(mean_over_seeds(rows), evidence)


# --- report -------------------------------------------------------------------------------------------------------


def accuracy_table(rows, *args, **options):
    return accuracy.accuracy_table(of(rows), *args, **options)


def contribution_table(rows, *args, **options):
    return contribution_tables.contribution_table(of(rows), *args, **options)


def cost_table(rows):
    return cost_tables.cost_table(mean_over_seeds(rows))


def pareto_table(rows, *args, **options):
    return tradeoff_tables.pareto_table(of(rows), *args, **options)


def equal_cost_table(rows, *args, **options):
    return tradeoff_tables.equal_cost_table(of(rows), *args, **options)


def effects_table(rows, *args, **options):
    return tradeoff_tables.effects_table(of(rows), *args, **options)


def pairwise_table(rows, evidence=None):
    return pair_tables.pairwise_table(model_pairs(rows, evidence), evidence)


def matrix_table(rows, evidence=None):
    return pair_tables.matrix_table(model_pairs(rows, evidence), evidence)


def ranks_table(rows, evidence=None):
    return pair_tables.ranks_table(model_pairs(rows, evidence), evidence)


def stability_table(rows, evidence=None):
    return pair_tables.stability_table(kept(rows, evidence).stages, model_pairs(rows, evidence), evidence)


def make_tables(rows, which, reference=None, evidence=None, printing=DEFAULT_PRINTING):
    return make.make_tables(make.table_inputs(of(rows), which, reference, evidence, printing), which)


def write_tables(rows, *args, **options):
    return make.write_tables(of(rows), *args, **options)


def write_figures(rows, *args, **options):
    return scatter.write_figures(mean_over_seeds(rows), *args, **options)


def pareto_plot(rows, *args, **options):
    return tradeoff_figures.pareto_plot(of(rows), *args, **options)


def write_pareto(rows, *args, **options):
    return tradeoff_figures.write_pareto(of(rows), *args, **options)


def write_pairwise(rows, folder, evidence=None):
    return pair_figures.write_pairwise(model_pairs(rows, evidence), folder, evidence)


def write_page(title, rows, *args, **options):
    return page.write_page(title, of(rows), *args, **options)
