"""A grid of runs: the plan, the states of its runs, their rows, and the verification of finished runs.

Other packages use:

    sweep.plan.make_plan        a grid as a forest of chains, with costs
    sweep.summary.rows          finished runs as rows of `summary.csv`
    sweep.verify.verify         stored checkpoints tested again
    sweep.scheduler.Scheduler   which run is next, retries, the end of a sweep
    sweep.executors             where runs are placed
    sweep.child.in_child        a function in a process of its own
"""
