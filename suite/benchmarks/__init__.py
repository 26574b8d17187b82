"""Benchmarks of the suite itself: speed, memory, coverage of intervals, error rates of significance tests.

One file per question; `suite bench` runs them.  Nothing else imports this package.
"""
