"""Preloaded with the code that workers run: notes which code that is, for files may change while a sweep goes on."""

from suite.store.provenance import environment

environment("tsn-resnet18")  # any model: the sources are read, and most digests computed, before workers are forked
