"""Where the runs of a sweep are placed.  `local.LocalExecutor`: one process per run on this machine."""
