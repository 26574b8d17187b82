"""The published record: every number in the tables of five papers, and what follows from these numbers alone.

Other packages use:

    published.record.record                 the numbers, one row per number, read and checked
    published.references.published_rows     the 288 published runs in the schema of our own results
    published.findings.findings             statements whose numbers are computed from the record
    published.cost_audit                    printed costs against counted ones
"""
