"""What there is: temporal modules, add-on blocks and standalone architectures, each with all that is known of it.

A registration is the one owner of these facts; names, options, tables, costs and the input of a network ask it.  A file
in `temporal/`, `blocks/` or `networks/` is found by its registration, and nothing else is touched.

One file, somewhat long, since the three kinds of registration share their checks.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

from suite.spec import BadInput, ModelName, unknown
from suite.spec.registrations import FOLDERS

Options = Mapping[str, tuple[str, ...]]  # name of an option -> its allowed values, the default first


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What every registration says.

    title: its name in papers ("TSM"), `name` unless given; paper, equation: where it is from and where it is defined,
    as `suite models` shows them; example: a model that has it, counted there on a clip of `frames`; start_only: options
    that change how its weights start and not the network; maps: what can be shown of how it looks at a clip
    ("attention": blocks.attention.Attention; "regions").
    """

    name: str
    cls: type
    title: str = ""
    paper: str = ""
    equation: str = ""
    example: str = ""
    frames: int = 8
    options: Options = field(default_factory=dict)
    start_only: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """The first line of the docstring."""
        return (self.cls.__doc__ or "").strip().partition("\n")[0]


@dataclass(frozen=True, kw_only=True)
class TemporalModule(Registration):
    """A module on a backbone; `site` is what of the backbone it changes (see MODULE_SITES)."""

    site: str


@dataclass(frozen=True, kw_only=True)
class AddOnBlock(Registration):
    """A block that is added to a network at `site` (see BLOCK_SITES).

    positions: where it stands when the name does not say, as text ("conv3_3", "res3:2/res4:3") or made of the residual
    blocks per stage of the network, res2 first.
    """

    site: str
    positions: str | Callable[[tuple[int, ...]], str] = ""


@dataclass(frozen=True, kw_only=True)
class StandaloneArchitecture(Registration):
    """A network that is no module on a backbone.

    names: of its models, as a person writes them; normalisation: of its input, a key of `suite.models.NORMALISATION`
    or made of the model; depths: residual blocks per stage of a model, res2 first, empty where it has none; takes: the
    sites at which it has add-on blocks; narrowed: the options of one model where they depend on its variant or on each
    other; frame_wise: the model that sees each frame on its own and stands for it in Phi and Psi, empty for none.
    """

    names: tuple[str, ...] = ()
    normalisation: str | Callable[[ModelName], str] = "imagenet"
    depths: Callable[[ModelName], tuple[int, ...]] = lambda name: ()
    takes: tuple[str, ...] = ()
    narrowed: Callable[[ModelName, Options], Options] = lambda name, options: options
    frame_wise: Callable[[ModelName], str] = lambda name: ""


MODULE_SITES = ("block_entrance", "convolution", "none")  # described at temporal_module
BLOCK_SITES = {
    "block_exit": "behind residual blocks",
    "residual": "in the residual branch of every block, before its addition",
    "decorator": "around convolutions larger than 1x1",
}
TEMPORAL_MODULES: dict[str, TemporalModule] = {}
ADD_ON_BLOCKS: dict[str, AddOnBlock] = {}
ARCHITECTURES: dict[str, StandaloneArchitecture] = {}


def temporal_module(
    name: str,
    *,
    site: str,
    paper: str,
    equation: str,
    example: str = "",
    frames: int = 8,
    options: Options | None = None,
    start_only: tuple[str, ...] = (),
    maps: tuple[str, ...] = (),
    title: str = "",
) -> Callable[[type], type]:
    """Registers a class as the temporal module `name`.

    site: what it changes:
      "block_entrance"  cls(channels, frames, **options): a layer (B, C, T, H, W) -> the same shape, put by the backbone
                        before the first convolution of a block's residual branch (Inception: after convs and blocks);
      "convolution"     cls(conv: ConvSite, time_stride, **options): replaces a convolution larger than 1x1 together
                        with its batch normalisation; the network's pools then reach into time;
      "none"            nothing.
    options: name of an option -> its allowed values, all texts.  The default is that of the constructor's argument.
    title, paper, equation, example, frames, start_only, maps: see Registration; the example is `name` on a ResNet-50
    where none is given.  Raises BadInput for a registration that makes no sense.
    """

    def register(cls: type) -> type:
        found = TemporalModule(
            name=name,
            cls=cls,
            title=title or name,
            site=_known(site, MODULE_SITES, name),
            paper=paper,
            equation=equation,
            example=example or f"{name}-resnet50",
            frames=frames,
            options=_default_first(cls, options, name),
            start_only=start_only,
            maps=maps,
        )
        _add(TEMPORAL_MODULES, found)
        return cls

    return register


def add_on_block(
    name: str,
    *,
    site: str,
    paper: str,
    equation: str,
    positions: str | Callable[[tuple[int, ...]], str] = "",
    example: str = "",
    frames: int = 8,
    options: Options | None = None,
    start_only: tuple[str, ...] = (),
    maps: tuple[str, ...] = (),
    title: str = "",
) -> Callable[[type], type]:
    """Registers a class as the add-on block `+name`.

    site: where it stands:
      "block_exit"   cls(channels, frames, **options): a layer (B, C, T, H, W) -> the same shape behind residual blocks,
                     those of `at=` or of `positions`;
      "residual"     cls(channels, **options): the same, in the residual branch of every block, before its addition;
      "decorator"    cls(layer, conv: ConvSite, **options): takes the place of a convolution larger than 1x1 with its
                     normalisation, `layer`, in the stages of `stages=` or of `positions`.
    positions: see AddOnBlock.  options and all others: see temporal_module; the example is `tsn-resnet50+name`.
    A layer with a method `start()` is started by it after the convolutions of the network (such as at zero).
    """

    def register(cls: type) -> type:
        if _known(site, BLOCK_SITES, name) != "residual" and not positions:
            raise BadInput(f"The registration of +{name} lacks positions=, where it stands by default, e.g. 'res3'.")
        found = AddOnBlock(
            name=name,
            cls=cls,
            title=title or name,
            site=site,
            positions=positions,
            paper=paper,
            equation=equation,
            example=example or f"tsn-resnet50+{name}",
            frames=frames,
            options=_default_first(cls, options, name),
            start_only=start_only,
            maps=maps,
        )
        _add(ADD_ON_BLOCKS, found)
        return cls

    return register


def standalone_architecture(
    name: str,
    *,
    paper: str,
    equation: str,
    names: tuple[str, ...] = (),
    example: str = "",
    frames: int = 8,
    normalisation: str | Callable[[ModelName], str] = "imagenet",
    options: Options | None = None,
    narrowed: Callable[[ModelName, Options], Options] = lambda name, options: options,
    frame_wise: Callable[[ModelName], str] = lambda name: "",
    depths: Callable[[ModelName], tuple[int, ...]] = lambda name: (),
    takes: tuple[str, ...] = (),
    start_only: tuple[str, ...] = (),
    maps: tuple[str, ...] = (),
    title: str = "",
) -> Callable[[type], type]:
    """Registers a class as a standalone architecture: cls(name: ModelName, num_classes, frames, size, dropout,
    **options), a module (B, 3, T, H, W) -> (B, classes) that starts its own weights.

    names: of its models, `name` or beginning with `name-`; without any `name` itself is one.  They and `name` are plain
    texts: the grammar of model names reads them from the source.  All others: see StandaloneArchitecture and
    temporal_module; the example is the first of the names.
    """

    def register(cls: type) -> type:
        found = StandaloneArchitecture(
            name=name,
            cls=cls,
            title=title or name,
            names=tuple(names) or (name,),
            normalisation=normalisation,
            narrowed=narrowed,
            frame_wise=frame_wise,
            depths=depths,
            takes=tuple(_known(site, BLOCK_SITES, name) for site in takes),
            paper=paper,
            equation=equation,
            example=example or (*names, name)[0],
            frames=frames,
            options=_default_first(cls, options, name),
            start_only=start_only,
            maps=maps,
        )
        _add(ARCHITECTURES, found)
        return cls

    return register


def temporal_modules() -> Mapping[str, TemporalModule]:
    _import_all(FOLDERS["temporal_module"])
    return TEMPORAL_MODULES


def add_on_blocks() -> Mapping[str, AddOnBlock]:
    _import_all(FOLDERS["add_on_block"])
    return ADD_ON_BLOCKS


def standalone_architectures() -> Mapping[str, StandaloneArchitecture]:
    _import_all(FOLDERS["standalone_architecture"])
    return ARCHITECTURES


def find_temporal_module(name: str) -> TemporalModule:
    """Raises BadInput for an unknown name, as the two below."""
    return _find("temporal module", temporal_modules(), name)


def find_add_on_block(name: str) -> AddOnBlock:
    return _find("add-on block", add_on_blocks(), name)


def find_architecture(name: str) -> StandaloneArchitecture:
    return _find("standalone architecture", standalone_architectures(), name)


def _find(kind: str, known: Mapping[str, Registration], name: str) -> Registration:
    if name not in known:
        raise unknown(kind, name, known)
    return known[name]


@cache
def _import_all(folder: str) -> None:
    package = import_module(f"suite.models.{folder}")
    for found in pkgutil.iter_modules(package.__path__):  # one is one file; nothing else is touched
        import_module(f"{package.__name__}.{found.name}")


def _known(site: str, sites: Iterable[str], name: str) -> str:
    if site not in sites:
        raise unknown(f"site in the registration of {name}", site, sites)
    return site


def _default_first(cls: type, options: Options | None, name: str) -> Options:
    """The options with the default of the constructor's argument in front.  Raises BadInput where there is none."""
    arguments, found = inspect.signature(cls).parameters, {}
    for key, values in (options or {}).items():
        default = arguments[key].default if key in arguments else None
        if default not in values:
            raise BadInput(
                f"The registration of {name} has the option {key}={'|'.join(values)}; give the constructor of "
                f"{cls.__name__} an argument '{key}' with one of these texts as its default."
            )
        found[key] = (default, *(value for value in values if value != default))
    return found


def _add(known: dict[str, Registration], found: Registration) -> None:
    if not re.fullmatch("[a-z0-9_]+", found.name):
        raise BadInput(f"'{found.name}' cannot be registered: names have small letters, digits and '_'.")
    before = known.get(found.name)
    if before and (before.cls.__module__, before.cls.__qualname__) != (found.cls.__module__, found.cls.__qualname__):
        raise BadInput(f"{before.cls.__module__} and {found.cls.__module__} both register '{found.name}'.")
    known[found.name] = found
