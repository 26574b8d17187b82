"""Starting a sweep and what follows it: data checks, placing the runs, MLflow, the report; export and import of a grid.

`sweep` does not know `report`; this package joins the two.  Only `suite.commands` imports it.

    app.sweep.run_sweep             a sweep from its preparation to the report
    app.export.export               a grid as one file
    app.export.report_archive       the report of such a file
    app.publish.publish_grid        a grid in MLflow, from its files
"""
