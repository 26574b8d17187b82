"""What is to be run, as plain data: model names, protocols, grids, and the errors of wrong input.

Readable without torch, a GPU or the videos.  Everything below may be imported from here.
"""

from suite.spec.errors import BadInput, one_line, shown, unknown
from suite.spec.files import Strict, checked, experiments_dir, parse_yaml, read_json, read_yaml
from suite.spec.grid import MAX_SEED, TABLES, Axes, Chain, Grid, grid_file, load_grid
from suite.spec.model_names import BACKBONES, NETWORKS, ModelName, Part, parse_model
from suite.spec.ownership import unpacked_archive, written_by_others
from suite.spec.protocol import MAX_FRAMES, MAX_PIXELS, Augmentation, Evaluation, Protocol, Sampling, load_protocol
from suite.spec.weight_sources import file_sha256, unchanged_file_sha256, weights_file

__all__ = [
    "BACKBONES",
    "MAX_FRAMES",
    "MAX_PIXELS",
    "MAX_SEED",
    "NETWORKS",
    "TABLES",
    "Augmentation",
    "Axes",
    "BadInput",
    "Chain",
    "Evaluation",
    "Grid",
    "ModelName",
    "Part",
    "Protocol",
    "Sampling",
    "Strict",
    "checked",
    "experiments_dir",
    "file_sha256",
    "grid_file",
    "load_grid",
    "load_protocol",
    "one_line",
    "parse_model",
    "parse_yaml",
    "read_json",
    "read_yaml",
    "shown",
    "unchanged_file_sha256",
    "unknown",
    "unpacked_archive",
    "weights_file",
    "written_by_others",
]
