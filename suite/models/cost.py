"""Parameters and multiply-adds of a model, operator by operator, on the meta device (no memory, no arithmetic).

One convention for everybody: one multiply-add is one.  Attention is counted; operators that carry multiply-adds and
that this file does not know are named in `uncounted`, never passed over.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from suite.models import build
from suite.spec import BadInput

CONVOLUTIONS = {"convolution", "_convolution", "convolution_overrideable", "cudnn_convolution", "mkldnn_convolution"}

KEPT = CONVOLUTIONS | {
    "native_batch_norm",
    "_native_batch_norm_legit_no_training",
    "max_pool2d_with_indices",
    "mm",
    "bmm",
}

# Operators without multiply-adds in the sense of the field: data movement, elementwise, reductions, normalisation.
FREE = frozenset(
    """
    _adaptive_avg_pool2d _adaptive_avg_pool3d _local_scalar_dense _log_softmax _native_batch_norm_legit
    _native_batch_norm_legit_no_training _reshape_alias _safe_softmax _softmax _to_copy _unsafe_view add add_ alias
    amax arange as_strided as_strided_ avg_pool2d avg_pool3d bernoulli cat clamp clone constant_pad_nd contiguous
    copy_ cos cumsum detach div div_ dropout empty empty_like eq exp expand fill_ floor full full_like gather ge
    gelu gt hardtanh index index_put index_select le lt masked_fill masked_fill_ max max_pool2d_with_indices
    max_pool3d_with_indices mean min mul mul_ native_batch_norm native_dropout native_group_norm native_layer_norm
    ne neg new_empty new_zeros ones ones_like permute pixel_shuffle pow rand relu relu_ repeat roll rsqrt
    scalar_tensor select select_scatter sigmoid silu sin slice slice_scatter softmax split split_with_sizes sqrt
    squeeze stack sub sub_ sum t tanh transpose unbind unfold unsqueeze upsample_bilinear2d upsample_linear1d
    upsample_nearest2d upsample_nearest3d upsample_trilinear3d view where zero_ zeros zeros_like
    """.split()
)

# Operators whose output is another view of their input, or memory that nobody has written yet.
VIEWS = frozenset(
    """
    _reshape_alias _unsafe_view alias as_strided as_strided_ detach empty empty_like expand new_empty permute select
    slice split split_with_sizes squeeze t transpose unbind unfold unsqueeze view
    """.split()
)


@dataclass
class Cost:
    """`params`: number; `conv_macs`: multiply-adds of convolutions alone, as deep_analysis counts; `macs`: all.

    `activations`: elements that the layers put out, about what a training step keeps for the backward pass;
    `written`: elements that all operators write, elementwise ones too: beside the multiply-adds what takes time.
    """

    params: int
    conv_macs: int
    macs: int
    activations: int = 0
    written: int = 0
    by_operator: dict[str, int] = field(default_factory=dict)
    uncounted: list[str] = field(default_factory=list)


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.macs: Counter[str] = Counter()
        self.activations = 0
        self.written = 0
        self.unknown: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        packet, name = func._overloadpacket, func._overloadpacket.__name__
        if packet not in flop_registry and name not in FREE:
            with self:  # e.g. linear, einsum: counted by what they are made of
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        out = _shape_of_normalised(name, args) or func(*args, **kwargs)
        first = out[0] if isinstance(out, tuple | list) and out else out
        if name in KEPT:
            self.activations += first.numel()
        if name not in VIEWS and isinstance(first, torch.Tensor):
            self.written += first.numel()
        if packet in flop_registry:
            self.macs[name] += flop_registry[packet](*args, **kwargs, out_val=out) // 2  # PyTorch counts two each
        elif name not in FREE:
            self.unknown.add(name)
        return out


def _shape_of_normalised(name: str, args: tuple) -> tuple[torch.Tensor, ...] | None:
    """What a normalisation at test time puts out on the meta device, which PyTorch works out in many slow steps."""
    x = args[0] if args else None
    if not isinstance(x, torch.Tensor) or not x.is_meta:
        return None
    if name == "native_batch_norm" and not args[5]:  # (x, weight, bias, running mean and variance, training, ...)
        return torch.empty_like(x), x.new_empty(0), x.new_empty(0)
    if name == "native_layer_norm":
        kept = x.shape[: x.ndim - len(args[1])] + (1,) * len(args[1])
        return torch.empty_like(x, memory_format=torch.contiguous_format), x.new_empty(kept), x.new_empty(kept)
    return None


class NoDraws(TorchFunctionMode):
    """Leaves parameters as they are: on the meta device a draw means nothing and loads half of PyTorch's compiler."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.Tensor.normal_, torch.Tensor.uniform_) or getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def count(model: torch.nn.Module, clip: torch.Tensor) -> Cost:
    """Multiply-adds of one forward pass of `model` on `clip`, on whatever device both are."""
    with torch.no_grad(), _Counter() as counter:
        model(clip)
    conv = sum(n for op, n in counter.macs.items() if op in CONVOLUTIONS)
    params = sum(p.numel() for p in model.parameters())
    by_operator = dict(sorted(counter.macs.items()))
    return Cost(
        params,
        conv,
        sum(by_operator.values()),
        counter.activations,
        counter.written,
        by_operator,
        sorted(counter.unknown),
    )


def _on_meta(name: str, frames: int, size: int, num_classes: int) -> torch.nn.Module:
    with torch.device("meta"), NoDraws():
        return build(name, num_classes, frames, size).eval()


def parameters(name: str, frames: int = 8, size: int = 224, num_classes: int = 87) -> int:
    """Number of parameters, where the multiply-adds are not asked for.  Raises BadInput for an unknown name."""
    return sum(p.numel() for p in _on_meta(name, frames, size, num_classes).parameters())


@lru_cache(maxsize=1024)
def cost(name: str, frames: int = 8, size: int = 224, num_classes: int = 87) -> Cost:
    """Cost of one clip (1, 3, frames, size, size).  Raises BadInput for an unknown name."""
    model = _on_meta(name, frames, size, num_classes)
    with torch.device("meta"):
        try:
            return count(model, torch.empty(1, 3, frames, size, size))
        except RuntimeError as error:  # a map that has become smaller than the next layer's kernel
            reason = str(error).strip().splitlines()[0]
            raise BadInput(f"{name} cannot take {frames} frames of {size}x{size} pixels ({reason}).") from None
