"""Starting a model from weights of another task: which of its tensors start anew when the protocol asks for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torch import nn

from suite.models.checkpoints.source import Source
from suite.models.registry import find_add_on_block

HEAD, BLOCKS = "head", "blocks"  # values of `init_fresh`: the classifier, and add-on blocks that the source lacks


def is_head(key: str) -> bool:
    """Whether a tensor belongs to the classifier."""
    return ".fc." in key


def leave_classifier(found: Source, model: nn.Module, classes: Sequence[str] | None) -> None:
    """Takes the classifier out of a source unless it is known to be of the same classes."""
    if found.classes is not None and classes is not None and set(found.classes) == set(classes):
        return
    of_head = {name for key in model.state_dict() if is_head(key) for name in found.names(key)}
    found.state = {name: value for name, value in found.state.items() if name not in of_head}
    found.classes, lacks = None, found.may_lack
    found.may_lack = lambda key: is_head(key) or lacks(key)


def leave_blocks(found: Source, model: nn.Module) -> None:
    """Lets add-on blocks start anew of which the source has no tensor; one that it has in part is not among them."""
    anew: set[str] = set()
    for keys in add_on_blocks(model).values():
        if not any(name in found.state for key in keys for name in found.names(key)):
            anew.update(keys)
    lacks = found.may_lack
    found.may_lack = lambda key: key in anew or lacks(key)


def add_on_blocks(model: nn.Module) -> dict[str, list[str]]:
    """The tensors of each add-on block of a model, by the block's path; without those of a convolution that it
    decorates (`base`)."""
    kinds = tuple(find_add_on_block(part.name).cls for part in model.name.blocks)
    keys, found = list(model.state_dict()), {}
    for path, module in model.named_modules() if kinds else ():
        if isinstance(module, kinds):
            own = [key for key in keys if key.startswith(f"{path}.") and not key.startswith(f"{path}.base.")]
            found |= {path: own} if own else {}
    return found


def started_anew(model: nn.Module, missing: Collection[str]) -> list[str]:
    """What of a model kept its initial values, in words: `head`, `2 blocks`."""
    blocks = sum(set(keys) <= set(missing) for keys in add_on_blocks(model).values())
    found = [HEAD] if any(map(is_head, missing)) else []
    return found + ([f"{blocks} block{'s' * (blocks > 1)}"] if blocks else [])
