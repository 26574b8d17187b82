"""Starting a sweep: checks data, places the runs, shows progress, logs to MLflow, writes the report."""
