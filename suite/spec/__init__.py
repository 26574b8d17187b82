"""What is to be run, as plain data: model names, protocols, grids, and the errors of wrong input.

Readable without torch, a GPU or the videos.  Everything below may be imported from here.
"""

from suite.spec.errors import BadInput, unknown
from suite.spec.files import Strict, checked, experiments_dir, read_yaml
from suite.spec.grid import TABLES, Axes, Chain, Grid, load_grid
from suite.spec.model_names import BACKBONES, ModelName, Part, parse_model
from suite.spec.protocol import Augmentation, Evaluation, Protocol, Sampling, load_protocol
from suite.spec.registrations import standalone_names
from suite.spec.weight_sources import file_sha256, weights_file

__all__ = [
    "BACKBONES",
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
    "load_grid",
    "load_protocol",
    "parse_model",
    "read_yaml",
    "standalone_names",
    "unknown",
    "weights_file",
]
