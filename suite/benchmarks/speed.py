"""Speed of our layout against the same network of plain layers in the default layout, as ratios in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.models import build
from suite.models.layers import SpatialConv, SpatialMaxPool, TemporalConv, VolumeConv
from suite.models.registry import find_temporal_module

MODELS = ("tsn-resnet18", "tam-resnet18", "s3d-resnet18", "i3d-resnet18")


def plain(name: str, num_classes: int, frames: int, size: int) -> nn.Module:
    """The same network, weight for weight, of plain PyTorch layers in the default layout, as one would write it.

    2-D networks: `nn.Conv2d` on frames folded into the batch once, temporal taps by a depthwise `nn.Conv3d`;
    3-D networks: `nn.Conv3d` everywhere.
    """
    network = build(name, num_classes, frames, size)
    volumetric = find_temporal_module(network.name.module).site == "convolution"
    for path, module in list(network.named_modules()):
        other = _plain_layer(module, None if volumetric else frames)
        if other is not None:
            parent = network.get_submodule(path.rpartition(".")[0])
            setattr(parent, path.rpartition(".")[2], other)
    for parameter in network.parameters():
        parameter.data = parameter.data.contiguous()
    return _Volumes(network.net) if volumetric else _FoldedFrames(network.net)


class _Volumes(nn.Module):
    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.contiguous())


class _FoldedFrames(_Volumes):
    """Frames are batch entries (B*T, C, 1, H, W) throughout; logits are averaged over the frames of a clip."""

    def forward(self, x: Tensor) -> Tensor:
        b, _, t, h, w = x.shape
        logits = self.net(x.transpose(1, 2).reshape(b * t, 3, 1, h, w))
        return logits.unflatten(0, (b, t)).mean(1)


class _Conv2d(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.squeeze(2)).unsqueeze(2)


class _FoldedTaps(nn.Conv3d):
    """Temporal convolution between folded frames: unfold, convolve, fold again."""

    frames = 1

    def forward(self, x: Tensor) -> Tensor:
        volume = x.unflatten(0, (-1, self.frames)).squeeze(3).transpose(1, 2)
        return super().forward(volume.contiguous()).transpose(1, 2).flatten(0, 1).unsqueeze(2)


def _plain_layer(module: nn.Module, folded_frames: int | None) -> nn.Module | None:
    if isinstance(module, SpatialConv):
        width, k, s, p = (
            (module.in_channels, module.out_channels),
            module.kernel_size[0],
            module.stride[0],
            module.padding[0],
        )
        if folded_frames:
            layer = _Conv2d(*width, k, s, p, bias=False)
        else:
            layer = nn.Conv3d(*width, (1, k, k), (module.time_stride, s, s), (0, p, p), bias=False)
        layer.weight.data = module.weight.data.reshape(layer.weight.shape)
        return layer
    if isinstance(module, TemporalConv):
        k, s = module.kernel_size[0], module.stride[0]
        kind = _FoldedTaps if folded_frames else nn.Conv3d
        layer = kind(
            module.in_channels,
            module.out_channels,
            (k, 1, 1),
            (s, 1, 1),
            (k // 2, 0, 0),
            groups=module.groups,
            bias=module.bias is not None,
        )
        layer.frames = folded_frames
        layer.weight.data = module.weight.data.reshape(layer.weight.shape)
        if module.bias is not None:
            layer.bias.data = module.bias.data
        return layer
    if isinstance(module, VolumeConv):
        layer = nn.Conv3d(
            module.in_channels, module.out_channels, module.kernel_size, module.stride, module.padding, bias=False
        )
        layer.weight.data = module.weight.data
        return layer
    if isinstance(module, SpatialMaxPool):
        k, s, p = module.kernel, module.stride, module.padding
        return nn.MaxPool3d((1, k, k), (1, s, s), (0, p, p), ceil_mode=module.ceil)
    return None


def layout(
    rounds: int = 9,
    batches: tuple[int, ...] = (2, 8),
    clip: tuple[int, int] = (8, 112),
    device: str = "cpu",
    names: tuple[str, ...] = MODELS,
    precision: str = "fp32",
) -> dict[str, Any]:
    """Forward pass and training step of each model, ours and plain, interleaved; ratio above 1: ours is faster."""
    frames, size = clip
    began, rows = time.perf_counter(), []
    for name in names:
        ours, other = (m(name, 87, frames, size).to(device) for m in (build, plain))
        other.load_state_dict({k: v.reshape(other.state_dict()[k].shape) for k, v in ours.state_dict().items()})
        for batch in batches:
            x = torch.randn(batch, 3, frames, size, size, device=device)
            y = torch.randint(87, (batch,), device=device)
            work = {
                (kind, which): _job(kind, model, x, y, precision)
                for kind in ("forward", "step")
                for which, model in (("ours", ours), ("plain", other))
            }
            times = interleaved(work, rounds, device)
            row: dict[str, Any] = {"name": name, "batch": batch}
            for kind in ("forward", "step"):
                a, b = times[kind, "ours"], times[kind, "plain"]
                row |= {f"{kind}_ours": a, f"{kind}_plain": b, f"{kind}_ratio": b / a}
            rows.append(row)
    return {
        "rows": rows,
        "clip": f"{frames}x{size}x{size} {precision}",
        "rounds": rounds,
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "seconds": time.perf_counter() - began,
    }


def _job(kind: str, model: nn.Module, x: Tensor, y: Tensor, precision: str) -> Callable[[], None]:
    cast = torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=precision == "bf16")

    def forward() -> None:
        model.eval()
        with torch.inference_mode(), cast:
            model(x)

    def step() -> None:
        model.train()
        model.zero_grad(set_to_none=True)
        with cast:
            logits = model(x)
        F.cross_entropy(logits.float(), y).backward()

    return forward if kind == "forward" else step


def interleaved(work: dict[Any, Callable[[], None]], rounds: int, device: str) -> dict[Any, float]:
    """Median seconds of each job; in every round each runs once, so that a noisy machine is noisy for all."""
    times: dict[Any, list[float]] = {key: [] for key in work}
    for i in range(rounds + 1):
        for key, job in work.items():
            began = time.perf_counter()
            job()
            if device.startswith("cuda"):
                torch.cuda.synchronize()
            if i:  # the first round warms up
                times[key].append(time.perf_counter() - began)
    return {key: statistics.median(found) for key, found in times.items()}
