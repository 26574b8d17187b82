"""Specifications of runs."""

from pathlib import Path

import yaml

from suite.spec import load_protocol
from suite.store.identity import RunSpec

EARLIER = Path(__file__).parents[1] / "files" / "scheme_1"  # a small sweep of commit 835ba14, without its checkpoints


def spec(model="tsm-resnet18+rcca", parent=None, **changes):
    return RunSpec(model, "calib_order", 8, 0, load_protocol("smoke").stage(False, changes), parent)


def changed_spec(folder, change):
    data = yaml.safe_load(folder.spec_file.read_text())
    change(data)
    folder.spec_file.write_text(yaml.safe_dump(data, sort_keys=False))
