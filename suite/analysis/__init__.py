"""What the accuracies mean: contributions of space and time, intervals, published numbers to hold them against.

Everything takes a data frame with one row a run (`suite.analysis.rows`) and returns data frames or plain numbers.
"""
