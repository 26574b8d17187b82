"""Networks from elsewhere under the suite's protocol: `torchvision:NAME` and a user's `package.module:factory`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import torch
from torch import Tensor, nn

from suite.models.layers import KeyedDropout
from suite.models.registry import standalone_architecture
from suite.models.user_code import RULES, user_sources
from suite.spec import BadInput, ModelName, unknown

TRIED_FRAMES, TRIED_SIZES = (8, 16, 32), (112, 224)
"""Clips that are tried, without arithmetic, to say what a network could take instead."""


class KeyedDepth(KeyedDropout):
    """Stochastic depth by row: drops what a residual branch says about a clip; its mask depends on `key` alone."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        return x * super().forward(torch.ones(len(x), *[1] * (x.ndim - 1), device=x.device, dtype=x.dtype))


class Classifier(nn.Module):
    """Dropout and then the last layer, `fc`, of a network of torchvision."""

    def __init__(self, fc: nn.Module, dropout: float):
        super().__init__()
        self.dropout = KeyedDropout(dropout)
        self.fc = fc

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.dropout(x))


def normalisation_of(name: ModelName) -> str:
    """As torchvision's weights of that network expect it; ImageNet's for a network of one's own."""
    module, _, wanted = name.module.partition(":")
    if module != "torchvision":
        return "imagenet"
    return {"mvit": "slowfast", "swin3d": "imagenet"}.get(wanted.partition("_")[0], "kinetics")


@standalone_architecture(
    "external",
    names=("torchvision:NAME", "package.module:factory"),
    example="torchvision:r3d_18",
    paper="torchvision, or yours",
    equation="CONTRIBUTING.md",
    frames=16,
    normalisation=normalisation_of,
)
class External(nn.Module):
    """Clip (B, 3, T, H, W) -> logits (B, classes) of a network from elsewhere, `net`, started by its own rules.

    torchvision:NAME, one of torchvision.models.video: the protocol's dropout stands in front of its last layer, in
    place of what stood there.  package.module:factory, called as factory(num_classes=, frames=, size=): it brings its
    own.  In both, dropout that is a layer draws its mask by the training step, not from the global generator.

    Raises BadInput, in one sentence, for what cannot be imported, is no such function or gives no module, and for
    clips that the network cannot take.
    """

    def __init__(self, name: ModelName, num_classes: int, frames: int, size: int, dropout: float):
        super().__init__()
        with redirect_stdout(sys.stderr):  # what a user's code prints is not part of our answer
            self._make(name, num_classes, frames, size, dropout)

    def _make(self, name: ModelName, num_classes: int, frames: int, size: int, dropout: float) -> None:
        module, _, wanted = name.module.partition(":")
        if module == "torchvision":
            make = _torchvision(wanted)
        else:
            factory = _factory(module, wanted)

            def make(num_classes: int, frames: int, size: int) -> nn.Module:
                return factory(num_classes=num_classes, frames=frames, size=size)

        self.net = _made(make, name.module, num_classes, frames, size)
        _check(self.net, make, name.module, num_classes, frames, size)
        _key_dropout(self.net)
        if module == "torchvision":
            _set_classifier(self.net, dropout)

    def forward(self, x: Tensor) -> Tensor:
        with redirect_stdout(sys.stderr):
            return self.net(x.contiguous())  # their .view() expect the default layout


def _torchvision(wanted: str) -> Callable[[int, int, int], nn.Module]:
    from torchvision.models import get_model_builder, list_models, video

    known = list_models(module=video)
    if wanted not in known:
        raise unknown("video network of torchvision", wanted, known)
    builder = get_model_builder(wanted)
    if wanted.startswith("mvit"):
        return _mvit(builder)
    return lambda num_classes, frames, size: builder(num_classes=num_classes)


def _mvit(builder: Callable[..., nn.Module]) -> Callable[[int, int, int], nn.Module]:
    """An MViT for any clip: torchvision's builders fix 16 frames of 224x224, its class does not."""
    from torchvision.models.video import MViT

    blocks: list[dict] = []  # the arguments of every block, as the builder gives them

    class Recorder(nn.Identity):
        def __init__(self, **given):
            super().__init__()
            blocks.append(given)

    with torch.device("meta"):
        builder(block=Recorder)
    same = ("residual_pool", "residual_with_cls_embed", "rel_pos_embed", "proj_after_attn")
    shared = {key: blocks[-1][key] for key in (*same, "stochastic_depth_prob")}  # grows to that of the last block
    setting = [given["cnf"] for given in blocks]
    return lambda num_classes, frames, size: MViT(
        (size, size), frames, block_setting=setting, num_classes=num_classes, **shared
    )


def _factory(module: str, wanted: str) -> Callable[..., nn.Module]:
    """The user's function.  Raises BadInput where it was named by others and --allow-code is not given."""
    RULES.admit(module, wanted)
    here = str(Path.cwd())
    if here not in sys.path:  # the console script does not look into the working directory
        sys.path.append(here)
    user_sources(module)  # as they are when the module is imported: provenance names them, and files may change
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's module raises
        raise BadInput(f"'{module}:{wanted}': {module} cannot be imported ({_reason(error)}).") from error
    if not hasattr(found, wanted):
        raise unknown(f"function of {module}", wanted, [key for key in vars(found) if not key.startswith("_")])
    factory = getattr(found, wanted)
    if not callable(factory):
        raise BadInput(
            f"'{module}:{wanted}' is of type {type(factory).__name__}; it is to be a function with the arguments "
            f"num_classes, frames and size that returns a torch.nn.Module."
        )
    return factory


def _made(make: Callable, module: str, num_classes: int, frames: int, size: int) -> nn.Module:
    try:
        net = make(num_classes, frames, size)
    except (Exception, SystemExit) as error:
        raise BadInput(
            f"{module} could not be built with num_classes={num_classes}, frames={frames} and size={size} "
            f"({_reason(error)})."
        ) from error
    if not isinstance(net, nn.Module):
        raise BadInput(f"{module} returned an object of type {type(net).__name__}, and not a torch.nn.Module.")
    return net


def _check(net: nn.Module, make: Callable, module: str, num_classes: int, frames: int, size: int) -> None:
    """Passes one clip through the network before anything is trained; on the meta device, without arithmetic."""
    clip = f"{frames} frames of {size}x{size} pixels"
    try:
        shape = _dry_shape(net, frames, size)
    except Exception as error:
        other = next((tried for tried in _tried(frames, size) if _takes(make, num_classes, *tried)), None)
        instead = f"it takes {other[0]} frames of {other[1]}x{other[1]}" if other else "nor any other that was tried"
        raise BadInput(f"{module} cannot take {clip}; {instead} ({_reason(error)}).") from error
    if shape != (1, num_classes):
        raise BadInput(
            f"{module} turns a clip (1, 3, {frames}, {size}, {size}) into {shape}; logits are to have the shape "
            f"(1, {num_classes})."
        )


def _tried(frames: int, size: int) -> list[tuple[int, int]]:
    """Other clips, those first that change one of the two."""
    near = [(f, size) for f in TRIED_FRAMES] + [(frames, s) for s in TRIED_SIZES]
    return near + [(f, TRIED_SIZES[-1]) for f in TRIED_FRAMES]


def _takes(make: Callable, num_classes: int, frames: int, size: int) -> bool:
    try:
        with torch.device("meta"):
            _dry_shape(make(num_classes, frames, size), frames, size)
    except Exception:
        return False
    return True


def _dry_shape(net: nn.Module, frames: int, size: int) -> tuple[int, ...]:
    """Shape of the logits of one clip; weights stay where they are.  Raises what the network raises."""
    training = {module: module.training for module in net.modules()}
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    empty = {key: torch.empty_like(value, device="meta") for key, value in tensors.items()}
    net.eval()
    try:
        with torch.no_grad():
            try:
                with torch.device("meta"):
                    out = torch.func.functional_call(net, empty, (torch.empty(1, 3, frames, size, size),))
            except Exception:
                if all(value.device.type == "meta" for value in tensors.values()):
                    raise
                # a tensor that is neither parameter nor buffer, or a branch on values: only a real clip can tell
                device = next((value.device for value in tensors.values()), None)
                out = net(torch.zeros(1, 3, frames, size, size, device=device))
    finally:
        for module, was in training.items():
            module.training = was
    if not isinstance(out, Tensor):
        raise TypeError(f"it returns an object of type {type(out).__name__}, and not the tensor of logits")
    return tuple(out.shape)


def _key_dropout(net: nn.Module) -> None:
    """Puts dropout by key in the place of dropout and stochastic depth that draw from the global generator."""
    from torchvision.ops import StochasticDepth

    for parent in net.modules():
        for key, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, key, KeyedDropout(child.p))
            elif type(child) is StochasticDepth and child.mode == "row":
                setattr(parent, key, KeyedDepth(child.p))


def _set_classifier(net: nn.Module, dropout: float) -> None:
    """Wraps the last layer of a network of torchvision, and takes away the dropout that stands beside it."""
    key = next(key for key in ("fc", "classifier", "head") if hasattr(net, key))
    last = getattr(net, key)
    if isinstance(last, nn.Sequential):
        layers = [layer for layer in last if not isinstance(layer, KeyedDropout)]
        net.add_module(key, nn.Sequential(*layers[:-1], Classifier(layers[-1], dropout)))
    else:
        net.add_module(key, Classifier(last, dropout))


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__
