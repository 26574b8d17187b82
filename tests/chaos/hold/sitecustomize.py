"""Imported by every Python process whose PYTHONPATH has this folder: makes chosen moments long enough to be hit.

CHAOS_HOLD: names of files, separated by blanks; writing one of them pauses before and after it gets its name.
CHAOS_SECONDS: length of a pause.
"""

import os
import time

names = set(os.environ.get("CHAOS_HOLD", "").split())
seconds = float(os.environ.get("CHAOS_SECONDS", "0"))
rename = os.replace


def replace(source, target, **kwargs):
    held = os.path.basename(target) in names
    time.sleep(seconds * held)
    rename(source, target, **kwargs)
    time.sleep(seconds * held)


if names:
    os.replace = replace
