"""RCCA-3D: recurrent criss-cross attention over rows, columns and depth."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from suite.models.layers import SpatialConv
from suite.models.registry import add_on_block

DEPTH, COLUMN, ROW = 1, 2, 3  # axes of a map (B, T, H, W, ...)
AXES = (DEPTH, COLUMN, ROW)


def last_but_one_of_res3(depths: tuple[int, ...]) -> str:
    """Behind the last block but one of res3 (Table 2): conv3_3 in ResNet50."""
    return f"conv3_{max(1, depths[1] - 1)}"


@add_on_block(
    "rcca",
    site="block_exit",
    paper="RCCA-3D, its paper",
    equation="rcca3d eqs. 1 to 7",
    positions=last_but_one_of_res3,
    example="tsm-resnet50+rcca",
    options={
        "structure": ("a", "b", "c", "d"),
        "r": ("1", "2", "3", "4"),
        "fraction": ("1/2", "1/4", "1/8", "1/16"),
    },
)
class RecurrentCrissCross(nn.Module):
    """Each position attends to its row, column and depth line, `r` times with one set of weights (rcca3d eqs. 1-7).

    One pass F: Q and K of `fraction` x C channels, V of C, all from one map by 1x1x1 convolutions; at position u the
    products of Q[u] with K on the T+H+W-2 positions of its three lines (u itself once) go through one softmax, not
    divided by sqrt(d), and weigh V on the same positions.  g is a learnable scalar that starts at 1.
      a  Y <- g F(Y) + X, X the input of the block (eq. 5); the weights, and g, are those of every pass
      b  Y <- g F(Y) + Y, as CCNet in two dimensions (eq. 6)
      c  as a, with V narrowed and a 1x1x1 convolution behind F; the text says narrowed to the width of Q and K, the
         printed parameters (Table 1) are those of C / 2, which we take whatever `fraction` is
      d  Y <- g F(Y), and X is added once at the end (eq. 7)
    In and out (B, C, T, H, W), any T, H, W.  Memory O(THW (T + H + W)): no map of THW x THW is ever formed.
    """

    def __init__(self, channels: int, frames: int, structure: str = "a", r: str = "3", fraction: str = "1/4"):
        super().__init__()
        self.structure, self.passes = structure, int(r)
        inner = channels // int(fraction.removeprefix("1/"))
        value = channels // 2 if structure == "c" else channels
        self.widths = [inner, inner, value]
        self.qkv = SpatialConv(channels, sum(self.widths), 1, bias=True)  # the three projections in one product
        self.restore = SpatialConv(value, channels, 1) if structure == "c" else None
        self.gamma = nn.Parameter(torch.ones(1))

    def start(self) -> None:
        """The start of PyTorch's convolutions, as in CCNet (rcca3d names none).

        By fan-out, as the backbone starts, the softmax, which nothing scales down, would choose single positions.
        """
        self.qkv.reset_parameters()
        if self.restore is not None:
            self.restore.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for i in range(self.passes):
            before, y = y, self.criss_cross(y)
            if self.structure == "b":
                y = y + before
            elif self.structure != "d" or i == self.passes - 1:
                y = y + x
        return y

    def criss_cross(self, x: Tensor) -> Tensor:
        """g F(x): one pass.  In and out (B, C, T, H, W)."""
        qkv = self.qkv(x).permute(0, 2, 3, 4, 1)
        y = CrissCross.apply(qkv, self.gamma, self.widths).permute(0, 4, 1, 2, 3)
        return y if self.restore is None else self.restore(y)


class CrissCross(torch.autograd.Function):
    """The weighing of values on the three lines of each position, times g (rcca3d eqs. 1-3).

    apply(qkv (B, T, H, W, C' + C' + C_v), g (1), widths (C', C', C_v)) -> (B, T, H, W, C_v).

    For the backward pass only `qkv` and the weights are kept.  What autograd would keep besides, copies of `qkv` in
    the order of the columns, is made again; its gradients are summed in place.
    """

    @staticmethod
    def forward(ctx, qkv: Tensor, gamma: Tensor, widths: list[int]) -> Tensor:
        q, k, v = qkv.split(widths, -1)
        weights = cross_weights(q, k)
        ctx.save_for_backward(qkv, gamma, weights)
        ctx.widths = widths
        # g scales the weights, of which there are T+H+W to a position, rather than the sum, of C channels
        scaled = (weights * gamma).to(qkv.dtype).split(qkv.shape[1:4], -1)
        y = qkv.new_empty(v.shape)
        torch.bmm(_lines(scaled[ROW - 1], ROW), _lines(v, ROW), out=_lines(y, ROW))
        for axis in (COLUMN, DEPTH):
            y += _unlines(torch.bmm(_lines(scaled[axis - 1], axis), _lines(v, axis)), axis, qkv.shape)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        qkv, gamma, weights = ctx.saved_tensors
        q, k, v = qkv.split(ctx.widths, -1)
        found = {axis: torch.bmm(_lines(grad, axis), _lines(v, axis).transpose(1, 2)) for axis in AXES}
        by_weight = _joined(found, qkv.shape).to(weights.dtype)
        share = weights * by_weight
        total = share.sum(-1, keepdim=True)
        by_energy = share.sub_(weights * total).mul_(gamma).to(qkv.dtype).split(qkv.shape[1:4], -1)
        scaled = (weights * gamma).to(qkv.dtype).split(qkv.shape[1:4], -1)
        by_qkv = torch.zeros_like(qkv)
        by_q, by_k, by_v = by_qkv.split(ctx.widths, -1)
        for axis in AXES:
            energy = _lines(by_energy[axis - 1], axis)
            by_q += _unlines(torch.bmm(energy, _lines(k, axis)), axis, qkv.shape)
            by_k += _unlines(torch.bmm(energy.transpose(1, 2), _lines(q, axis)), axis, qkv.shape)
            weight = _lines(scaled[axis - 1], axis)
            by_v += _unlines(torch.bmm(weight.transpose(1, 2), _lines(grad, axis)), axis, qkv.shape)
        return by_qkv, total.sum().to(gamma.dtype).view_as(gamma), None


def cross_weights(q: Tensor, k: Tensor) -> Tensor:
    """The softmax over depth line, column and row of each position (eqs. 1, 2): (B, T, H, W, T+H+W), fp32 or finer.

    q, k: (B, T, H, W, C').  The position itself counts in its row; in the other two its weight is zero.
    """
    energies = {axis: torch.bmm(_lines(q, axis), _lines(k, axis).transpose(1, 2)) for axis in AXES}
    for axis in (DEPTH, COLUMN):
        energies[axis].flatten(1)[:, :: q.shape[axis] + 1].fill_(-torch.inf)  # the diagonals
    energy = _joined(energies, q.shape)
    return energy.to(torch.promote_types(energy.dtype, torch.float32)).softmax(-1)


def _joined(lines: dict[int, Tensor], shape: torch.Size) -> Tensor:
    """Per axis (lines, length, length) -> (B, T, H, W, T+H+W)."""
    return torch.cat([_unlines(lines[axis], axis, shape) for axis in AXES], -1)


def _lines(x: Tensor, axis: int) -> Tensor:
    """(B, T, H, W, D) -> the lines along an axis, (lines, their length, D); copies where the strides do not fit."""
    return x.movedim(axis, 3).flatten(0, 2)


def _unlines(lines: Tensor, axis: int, shape: torch.Size) -> Tensor:
    """(lines, their length, D) -> (B, T, H, W, D), shape being that of the map the lines are of; a view."""
    others = [n for i, n in enumerate(shape[:4]) if i != axis]
    return lines.unflatten(0, others).movedim(3, axis)
