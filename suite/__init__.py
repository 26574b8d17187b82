"""Fair comparison of video action recognition models under one protocol.

What one may rely on from Python; everything else may change between versions:

    build(name, num_classes, frames, size)      the network of a model name, from scratch; `suite.models.build`
    load_weights(model, source)                 initial or released weights into it; `suite.models.weights.load`
    cost(name, frames, size, num_classes)       its parameters and multiply-adds; `suite.models.cost.cost`
    open_dataset(name, root)                    classes and splits of a data set; `suite.data.datasets.open_dataset`
    load(run)                                   a finished run: configuration, accuracies, predictions
    compare(a, b)                               two results: what differs, the verdict, the difference in top-1
    BadInput                                    what they raise for wrong input; its text is one sentence

Each is imported when it is first used, so that `import suite` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suite.collect.finished_run import compare, load
    from suite.data.datasets import open_dataset
    from suite.models import build
    from suite.models.cost import cost
    from suite.models.weights import load as load_weights
    from suite.spec import BadInput

__version__ = "0.1.0"
__all__ = ["BadInput", "build", "compare", "cost", "load", "load_weights", "open_dataset"]

_PLACES = {
    "BadInput": ("suite.spec", "BadInput"),
    "build": ("suite.models", "build"),
    "compare": ("suite.collect.finished_run", "compare"),
    "cost": ("suite.models.cost", "cost"),
    "load": ("suite.collect.finished_run", "load"),
    "load_weights": ("suite.models.weights", "load"),
    "open_dataset": ("suite.data.datasets", "open_dataset"),
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'suite' has no attribute '{name}'")
    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
