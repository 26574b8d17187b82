"""CSTransformer: spatial, then temporal transformer blocks, with attention and features fused across them.

Under review at ICLR 2022 ("Cross-Stage Transformer for Video Learning"); equations are numbered as there.
"""

from __future__ import annotations

import math
import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.layers import KeyedDropout, frames_view
from suite.models.registry import Options, standalone_architecture
from suite.spec import BadInput, ModelName

VARIANTS = {"v1": (10, 10), "v2": (12, 6), "v3": (12, 8)}
"""Spatial and temporal blocks (Table 5)."""
PATCH = 16
EPS = 1e-6  # of layer normalisation, as ViT's


class CrossStageAttention(nn.Module):
    """Multi-head self-attention (eqs. 10, 11), with the previous block's map where `crossed` (eqs. 12 to 14)."""

    def __init__(self, width: int, heads: int, crossed: bool):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        # A scalar per block, at 0: shape and start are not stated, and so the block begins as plain attention.
        self.alpha = nn.Parameter(torch.zeros(())) if crossed else None

    def forward(self, x: Tensor, previous: Tensor | None, keep: bool) -> tuple[Tensor, Tensor | None]:
        """x (N, L, C), previous (N, heads, L, L) -> y (N, L, C) and, where `keep`, this block's own map.

        Maps are scaled logits before the softmax, and own ones: what came from the block before is not passed on.
        """
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (N, heads, L, C / heads)
        if self.alpha is None and not keep:
            logits, y = None, F.scaled_dot_product_attention(q, k, v)
        else:
            logits = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)
            fused = logits if self.alpha is None else logits + self.alpha * previous
            y = fused.softmax(-1) @ v
        return self.out(y.transpose(1, 2).flatten(2)), logits if keep else None


class TransformerBlock(nn.Module):
    """x' = MSA(LN(x)) + x, then MLP(LN(x')) + x' with GELU (eqs. 5, 6)."""

    def __init__(self, width: int, heads: int, ratio: int, crossed: bool):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attention = CrossStageAttention(width, heads, crossed)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = nn.Sequential(nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width))

    def forward(self, x: Tensor, previous: Tensor | None, keep: bool) -> tuple[Tensor, Tensor | None]:
        y, logits = self.attention(self.norm1(x), previous, keep)
        x = x + y
        return x + self.mlp(self.norm2(x)), logits


class Aggregation(nn.Module):
    """Adds the features of the earlier blocks to those of the last: sum of LN(beta_i V_i), and V_L (eq. 9).

    beta_i is a scalar per block (neither that nor its start is stated).  Layer normalisation takes a factor out again:
    away from 0 a beta passes on hardly more than its sign, and the gain of its LN scales the feature.  At 0 its
    gradient is 1 / sqrt(eps) times as large, and noise decides the sign in the first step.  So it starts at 1.
    """

    def __init__(self, width: int, blocks: int, beta: float):
        super().__init__()
        self.beta = nn.Parameter(torch.full((blocks,), beta))
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=EPS) for _ in range(blocks))

    def forward(self, earlier: list[Tensor], last: Tensor) -> Tensor:
        """All (B, T, L, C)."""
        for beta, norm, feature in zip(self.beta, self.norms, earlier, strict=True):
            last = last + norm(beta * feature)
        return last


class TokenHead(nn.Module):
    """(B, N, C) -> (B, classes): layer normalisation of every token, their mean, dropout and one linear layer."""

    def __init__(self, width: int, num_classes: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.dropout = KeyedDropout(dropout)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.dropout(self.norm(x).mean(1)))


def is_baseline(name: ModelName) -> bool:
    """Whether a variant goes without `cssa` and `fam`."""
    return not re.fullmatch(r"cstransformer-v\d", name.module)


def options_of_variant(name: ModelName, options: Options) -> Options:
    """The baseline has neither `cssa` nor `fam`.  Raises BadInput where one is given."""
    absent = {"cssa", "fam", "beta_init"} if is_baseline(name) else set()
    absent |= {"temporal_position", "ratio"} if name.module.endswith("-spatial") else set()
    given, (variant, kind) = dict(name.options), re.fullmatch(r"(cstransformer-v\d)-?(.*)", name.module).groups()
    for key in given.keys() & absent & {"cssa", "fam"}:
        raise BadInput(
            f"'{name.text}': the {kind} network has neither cssa nor fam; give {key}={given[key]} to {variant} instead."
        )
    absent |= {"beta_init"} if given.get("fam") == "no" else set()
    return {key: values for key, values in options.items() if key not in absent}


def spatial_network(name: ModelName) -> str:
    """The spatial blocks of a variant alone; V2 and V3 have the same ones."""
    return f"cstransformer-{'v1' if '-v1' in name.module else 'v2'}-spatial"


@standalone_architecture(
    "cstransformer",
    title="CSTransformer",
    names=(
        "cstransformer-v1",
        "cstransformer-v1-baseline",
        "cstransformer-v1-spatial",
        "cstransformer-v2",
        "cstransformer-v2-baseline",
        "cstransformer-v2-spatial",
        "cstransformer-v3",
        "cstransformer-v3-baseline",
    ),
    example="cstransformer-v2",
    paper="CSTransformer, ICLR 2022 submission",
    equation="cstransformer eqs. 1 to 14",
    options={
        "cssa": ("yes", "no"),
        "fam": ("yes", "no"),
        "spatial_position": ("yes", "no"),
        "temporal_position": ("yes", "no"),
        "ratio": ("1", "2", "4"),
        "head": ("class", "all"),
        "beta_init": ("1", "0"),
    },
    start_only=("beta_init",),
    narrowed=options_of_variant,
    frame_wise=spatial_network,
)
class CrossStageTransformer(nn.Module):
    """Clip (B, 3, T, H, W) -> logits (B, classes); `cstransformer-v1|v2|v3`, each also as `-baseline`.

    Spatial blocks are those of ViT-B/16 on the P patches and the class token of a frame, (B T, 1 + P, C); temporal
    blocks see one place through time, (B (1 + P), T, C).

    Options: `cssa` cross-stage attention, `fam` feature aggregation (the baseline has neither),
    `spatial_position`, `temporal_position` encodings (eqs. 1 to 3), `ratio` of a temporal block's MLP (Table 1d), and
    `head`, the tokens it reads: the class tokens of all frames, or all tokens.  The paper leaves the last open.  With
    the class tokens the temporal blocks of the patches do not reach the logits (no temporal block mixes places); they
    are computed and counted nevertheless, as in the printed costs.  `beta_init`: the start of beta (eq. 9).
    `-spatial` is the spatial blocks alone, ViT-B/16 on every frame (V1: its first 10 blocks), with the class tokens
    averaged over the frames; no temporal blocks and no temporal encoding.

    Raises BadInput for a size that is no multiple of the patch's 16 pixels.
    """

    imagenet_file = "vit_b_16"  # in torchvision.models
    time_parameters = {"temporal_position": (0,)}  # dimensions that count frames

    def __init__(
        self,
        name: ModelName,
        num_classes: int,
        frames: int,
        size: int,
        dropout: float,
        cssa: str = "yes",
        fam: str = "yes",
        spatial_position: str = "yes",
        temporal_position: str = "yes",
        ratio: str = "1",
        head: str = "class",
        beta_init: str = "1",
        *,
        width: int = 768,
        heads: int = 12,
    ):
        """width, heads: those of ViT-Base; smaller ones for tests."""
        super().__init__()
        baseline = is_baseline(name)
        self.reads_all = head == "all"
        if size % PATCH:
            raise BadInput(
                f"{name.module} cuts frames into patches of {PATCH}x{PATCH} pixels: the size is a multiple of {PATCH}, "
                f"such as {max(1, round(size / PATCH)) * PATCH}, not {size}."
            )
        self.frames, self.size = frames, size
        spatial, temporal = VARIANTS[name.module.split("-")[1]]
        temporal = 0 if name.module.endswith("-spatial") else temporal
        crossed = cssa == "yes" and not baseline
        self.patches = nn.Conv2d(3, width, PATCH, PATCH)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.spatial_position = self.temporal_position = None
        if spatial_position == "yes":
            self.spatial_position = nn.Parameter(torch.empty(1, 1 + (size // PATCH) ** 2, width))
        if temporal and temporal_position == "yes":
            self.temporal_position = nn.Parameter(torch.empty(frames, 1, width))
        # The first block of either kind has no map of its shape before it, and attends plainly.
        self.spatial = nn.ModuleList(TransformerBlock(width, heads, 4, crossed and i > 0) for i in range(spatial))
        self.temporal = nn.ModuleList(
            TransformerBlock(width, heads, int(ratio), crossed and i > 0) for i in range(temporal)
        )
        earlier = spatial + temporal - 1 if fam == "yes" and not baseline else 0
        self.fam = Aggregation(width, earlier, float(beta_init)) if earlier else None
        self.head = TokenHead(width, num_classes, dropout)
        self._start()

    def _start(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)  # as torchvision starts its ViT
                nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.patches.weight, std=math.sqrt(1 / (3 * PATCH * PATCH)))
        nn.init.zeros_(self.patches.bias)
        for position in (self.spatial_position, self.temporal_position):
            if position is not None:
                nn.init.normal_(position, std=0.02)
        nn.init.normal_(self.head.fc.weight, 0, 0.01)

    def embed(self, x: Tensor) -> Tensor:
        """Clip (B, 3, T, H, W) -> tokens (B T, 1 + P, C), the class token first (eqs. 1 to 4)."""
        if x.shape[2] != self.frames or x.shape[3:] != (self.size, self.size):
            raise BadInput(
                f"The model was built for {self.frames} frames of {self.size}x{self.size} pixels, not for "
                f"{x.shape[2]} of {x.shape[4]}x{x.shape[3]}."
            )
        patches = self.patches(frames_view(x)).flatten(2).transpose(1, 2)
        token = self.class_token
        if self.spatial_position is not None:
            token = token + self.spatial_position[:, :1]
            patches = patches + self.spatial_position[:, 1:]
        if self.temporal_position is not None:
            patches = (patches.unflatten(0, (-1, self.frames)) + self.temporal_position).flatten(0, 1)
        return torch.cat([token.expand(len(patches), -1, -1), patches], 1)

    def features(self, blocks: nn.ModuleList, x: Tensor) -> list[Tensor]:
        """What every block puts out; tokens in and out (N, L, C)."""
        features, logits = [], None
        for i, block in enumerate(blocks):
            keep = i + 1 < len(blocks) and blocks[i + 1].attention.alpha is not None
            x, logits = block(x, logits, keep)
            features.append(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        spatial = [f.unflatten(0, (-1, self.frames)) for f in self.features(self.spatial, self.embed(x))]
        batch, places = len(x), spatial[-1].shape[2]
        temporal = self.features(self.temporal, spatial[-1].transpose(1, 2).flatten(0, 1))
        temporal = [f.unflatten(0, (batch, places)).transpose(1, 2) for f in temporal]
        features = spatial + temporal  # (B, T, 1 + P, C)
        if not self.reads_all:  # what the head does not read need not be aggregated
            features = [f[:, :, :1] for f in features]
        y = features[-1] if self.fam is None else self.fam(features[:-1], features[-1])
        return self.head(y.flatten(1, 2))

    @staticmethod
    def imagenet_names(key: str) -> list[str]:
        """The tensor of torchvision's vit_b_16 behind one of this network's keys; none behind what starts anew.

        The final normalisation of ViT stands behind its last block, here temporal blocks follow: it is not taken over.
        """
        key = key.removeprefix("net.")
        if key == "class_token":
            return [key]
        if key == "spatial_position":
            return ["encoder.pos_embedding"]
        if key.startswith("patches."):
            return [key.replace("patches", "conv_proj")]
        match = re.fullmatch(r"spatial\.(?P<block>\d+)\.(?P<part>.*)\.(?P<kind>weight|bias)", key)
        if not match:
            return []
        part = {
            "norm1": "ln_1.",
            "norm2": "ln_2.",
            "attention.qkv": "self_attention.in_proj_",
            "attention.out": "self_attention.out_proj.",
            "mlp.0": "mlp.0.",
            "mlp.2": "mlp.3.",
        }[match["part"]]
        return [f"encoder.layers.encoder_layer_{match['block']}.{part}{match['kind']}"]

    @staticmethod
    def imagenet_ignored(key: str) -> bool:
        """Whether a tensor of vit_b_16 may stay unused: its head, and what a variant or an option leaves out."""
        left_out = r"heads\..*|encoder\.ln\..*|encoder\.pos_embedding|encoder\.layers\.encoder_layer_1[01]\..*"
        return re.fullmatch(left_out, key) is not None
