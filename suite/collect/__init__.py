"""From what a person typed to results, and from results to what tables need.

`resolve` finds the results that a run id, a folder or a predictions file stands for.  The other files compute what
needs several results at once: intervals and ties, pairs of models, ranks, detectable differences.

    collect.evidence.gather         the evidence behind a table: per-video outcomes, and the marks of confounded runs
    collect.pairs.all_pairs         every pair of models of a data set, with intervals and adjusted p-values
    collect.ranks.rank_intervals    ranks with simultaneous intervals
"""
