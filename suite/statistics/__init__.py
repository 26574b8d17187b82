"""Numbers in, numbers out: proportions and their intervals, paired tests, effects, Pareto fronts, Φ and Ψ.

Nothing here reads a file or knows what a run is.  Tables of runs are data frames in the schema of `run_table`.

    statistics.proportions      Wilson, Newcombe and Tango intervals, McNemar's test, adjusted p-values
    statistics.intervals        intervals over videos and seeds, also of Φ and Ψ
    statistics.best             which models are not significantly different from the best
    statistics.contribution     Φ and Ψ of a table of runs
"""
