"""What people look at: tables, figures, the page of a grid, the output of commands, runs in MLflow.

It lays out results and computes none.  `build.write_report` writes everything for a grid; `reproduce.reproduce` does
the same for the published record.
"""
