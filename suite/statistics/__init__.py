"""Numbers in, numbers out: proportions and their intervals, paired tests, effects, Pareto fronts, Phi and Psi.

Tables of runs come as data frames in the schema of `run_table`; nothing here reads a file or knows a run.
"""
