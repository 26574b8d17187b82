"""The optimiser of a run."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from suite.spec import Protocol

NORMALISATION_LAYERS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


def optimiser(model: nn.Module, protocol: Protocol) -> torch.optim.SGD:
    """SGD over all parameters of a model.

    Where the protocol says `norm_decay: false`, scale and shift of normalisation layers have no weight decay (as in
    PySlowFast); every other parameter has it, biases included.
    """
    p = protocol
    parameters: Any = model.parameters()
    if not p.norm_decay:
        layers = [layer for layer in model.modules() if isinstance(layer, NORMALISATION_LAYERS)]
        of_layers = {id(value) for layer in layers for value in layer.parameters(recurse=False)}
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for value in model.parameters():
            groups[id(value) not in of_layers].append(value)
        parameters = [{"params": groups[True]}, {"params": groups[False], "weight_decay": 0.0}]
        parameters = [group for group in parameters if group["params"]]  # a network may have no such layer
    return torch.optim.SGD(parameters, lr=p.lr, momentum=p.momentum, weight_decay=p.weight_decay, nesterov=p.nesterov)
