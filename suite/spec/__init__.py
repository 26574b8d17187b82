"""What is to be run, as plain data: model names, protocols and grids, and the errors that invalid input raises.

It needs neither torch nor a GPU nor the videos.  Other packages import the names below from here, not from the files.
"""

from suite.spec.display_names import (
    display_architecture,
    display_backbone,
    display_name,
    display_names,
    without_setting,
)
from suite.spec.errors import BadInput, SeveralProblems, one_line, printable, shown, unknown
from suite.spec.experiments import experiment_folders, find_grid, find_protocol, grid_files, protocol_files, shipped
from suite.spec.files import Strict, checked, parse_yaml, read_json, read_yaml
from suite.spec.grid import MAX_SEED, TABLES, Axes, Chain, Ensemble, Grid, load_grid
from suite.spec.model_names import BACKBONES, ModelName, Part, parse_model
from suite.spec.ownership import unpacked_archive, written_by_others
from suite.spec.protocol import (
    MAX_FRAMES,
    MAX_PIXELS,
    Augmentation,
    Evaluation,
    Protocol,
    Sampling,
    check_crop,
    load_protocol,
)
from suite.spec.registrations import standalone_names
from suite.spec.weight_sources import FOREIGN_KINDS, file_sha256, run_named, unchanged_file_sha256, weights_file

__all__ = [
    "BACKBONES",
    "FOREIGN_KINDS",
    "MAX_FRAMES",
    "MAX_PIXELS",
    "MAX_SEED",
    "TABLES",
    "Augmentation",
    "Axes",
    "BadInput",
    "Chain",
    "Ensemble",
    "Evaluation",
    "Grid",
    "ModelName",
    "Part",
    "Protocol",
    "Sampling",
    "SeveralProblems",
    "Strict",
    "check_crop",
    "checked",
    "display_architecture",
    "display_backbone",
    "display_name",
    "display_names",
    "experiment_folders",
    "file_sha256",
    "find_grid",
    "find_protocol",
    "grid_files",
    "load_grid",
    "load_protocol",
    "one_line",
    "parse_model",
    "parse_yaml",
    "printable",
    "protocol_files",
    "read_json",
    "read_yaml",
    "run_named",
    "shipped",
    "shown",
    "standalone_names",
    "unchanged_file_sha256",
    "unknown",
    "unpacked_archive",
    "weights_file",
    "without_setting",
    "written_by_others",
]
