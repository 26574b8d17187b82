"""Batch normalisation whose statistics are taken over the clips of several processes."""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn

BatchNorm = nn.modules.batchnorm._BatchNorm


def synchronise(model: nn.Module, device: str) -> None:
    """Puts synchronised layers in place of the batch normalisation of a model; parameters and buffers stay the same.

    On GPUs PyTorch's own, which does not take tensors of the CPU; there `SyncedBatchNorm`.
    """
    if device.startswith("cuda"):
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return
    for parent in list(model.modules()):
        for key, layer in list(parent.named_children()):
            if isinstance(layer, BatchNorm) and not isinstance(layer, SyncedBatchNorm):
                setattr(parent, key, SyncedBatchNorm.of(layer))


class SyncedBatchNorm(BatchNorm):
    """(B, C, ...) -> the same; mean and variance of a channel are those of all processes together."""

    @classmethod
    def of(cls, layer: nn.Module) -> SyncedBatchNorm:
        """A layer with the parameters and the buffers of `layer`, not copies of them."""
        made = cls(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        made._parameters, made._buffers = layer._parameters, layer._buffers
        made.train(layer.training)
        return made

    def _check_input_dim(self, x: Tensor) -> None:
        pass  # as the layer that it replaces, it is given what fits

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        y, mean, variance, count = _Normalised.apply(x, self.weight, self.bias, self.eps)
        if self.track_running_stats:
            self.num_batches_tracked.add_(1)
            rate = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            with torch.no_grad():
                unbiased = variance * (count / (count - 1).clamp(min=1))
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), rate)
                self.running_var.lerp_(unbiased.to(self.running_var.dtype), rate)
        return y


class _Normalised(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias, with the mean and the variance of all processes."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float):
        exact = x if x.dtype == torch.float64 else x.float()  # never in half precision
        axes = [axis for axis in range(x.ndim) if axis != 1]
        variance, mean = torch.var_mean(exact, axes, correction=0)
        own = mean.new_full((1,), x.numel() / x.shape[1])
        every = [torch.empty_like(torch.cat([own, mean, variance])) for _ in range(distributed.get_world_size())]
        distributed.all_gather(every, torch.cat([own, mean, variance]))
        counts, means, variances = torch.stack(every).split([1, len(mean), len(mean)], 1)
        count = counts.sum()
        mean = (counts * means).sum(0) / count
        variance = (counts * (variances + (means - mean) ** 2)).sum(0) / count
        scale = torch.rsqrt(variance + eps)
        shape = [1, -1, *[1] * (x.ndim - 2)]
        y = (exact - mean.view(shape)) * (scale if weight is None else scale * weight).view(shape)
        if bias is not None:
            y = y + bias.view(shape)
        ctx.save_for_backward(x, weight, mean, scale, count)
        ctx.mark_non_differentiable(mean, variance, count)
        return y.to(x.dtype), mean, variance, count

    @staticmethod
    def backward(ctx, gradient: Tensor, *_: Tensor):
        x, weight, mean, scale, count = ctx.saved_tensors
        axes = [axis for axis in range(x.ndim) if axis != 1]
        shape = [1, -1, *[1] * (x.ndim - 2)]
        exact = mean.dtype
        gradient = gradient.to(exact)
        normal = (x.to(exact) - mean.view(shape)) * scale.view(shape)
        of_bias, of_weight = gradient.sum(axes), (gradient * normal).sum(axes)  # of this process's clips
        both = torch.cat([of_bias, of_weight])
        distributed.all_reduce(both)
        by_mean, by_scale = (both / count).chunk(2)
        factor = (scale if weight is None else scale * weight).view(shape)
        of_x = (gradient - by_mean.view(shape) - normal * by_scale.view(shape)) * factor
        return of_x.to(x.dtype), *((None, None) if weight is None else (of_weight, of_bias)), None
