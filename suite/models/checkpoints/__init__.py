"""Checkpoints: one file per source of weights, each with `open_source(model, source, path) -> Source`.

`suite.models.weights.load` is the entry; it picks the file by the prefix of the source (`ibm:`, `tsm:`, ...).
"""
