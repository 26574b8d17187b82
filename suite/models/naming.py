"""One name per model: options at their defaults left out, the others in a fixed order; and the name with all of them.

Two spellings of one model share their canonical name, and so one run, one row and one published counterpart.  What the
defaults are, the registrations say; a changed default changes the name in full, and with it the identity of a run.
"""

from __future__ import annotations

from functools import cache

from suite.models.options import model_options
from suite.spec import ModelName, parse_model


@cache
def canonical_name(text: str) -> str:
    """The shortest name of a model.  Raises BadInput for an unknown module, block, option or value.

    `tsm-resnet50+rcca@r=3,at=conv3_3` is `tsm-resnet50+rcca`.  Add-on blocks keep their order: several at one position
    follow each other in it.
    """
    full = _full(parse_model(text))
    short = full
    for part, options in enumerate(full):
        for key in sorted(options):
            fewer = [{k: v for k, v in o.items() if (i, k) != (part, key)} for i, o in enumerate(short)]
            if _full(_named(text, fewer)) == full:  # a default may depend on other options, so each is tried
                short = fewer
    return _named(text, short).text


@cache
def spelled_out(text: str) -> str:
    """The name with every option written out, block positions included.  Raises BadInput as `canonical_name`."""
    return _named(text, _full(parse_model(text))).text


def _named(text: str, options: list[dict[str, str]]) -> ModelName:
    """The model of `text` with these options of its head and of each add-on block."""
    heads = [part.partition("@")[0] for part in text.strip().split("+")]
    parts = []
    for head, chosen in zip(heads, options, strict=True):
        listed = ",".join(f"{key}={chosen[key]}" for key in sorted(chosen))
        parts.append(f"{head}@{listed}" if listed else head)
    return parse_model("+".join(parts))


def _full(name: ModelName) -> list[dict[str, str]]:
    """Every option with its value: of the module or architecture, then of each add-on block."""
    options = model_options(name)
    return [options.network, *options.blocks]
