"""Preloaded with the code that workers run: notes which code that is, for files may change while a sweep goes on."""

import signal

from suite.store.provenance import environment

environment("tsn-resnet18")  # any model: the sources are read, and most digests computed, before workers are forked

# The fork server ends when its driver does.  A signal to the whole group would end it first, and nobody could tell any
# more how the runs end.
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
