"""A grid of runs: plan, order, execution, and its rows."""
