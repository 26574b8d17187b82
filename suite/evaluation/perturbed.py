"""A finished run on clips whose frames were moved or repeated: how much of its accuracy rests on their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from suite.data.clips import EvalClips
from suite.data.datasets import open_dataset
from suite.data.decoding import Decoder
from suite.data.rng import generator
from suite.device import set_determinism, usable_device
from suite.evaluation.control import Control
from suite.evaluation.inference import accuracies, predict
from suite.evaluation.retest import check_normalisation, threads_of
from suite.models import build, weights
from suite.spec import BadInput
from suite.store.folder import RunFolder

PERTURBATIONS = ("none", "reverse", "shuffle", "freeze")


class Perturbed(nn.Module):
    """A network that sees its clips (B, 3, T, H, W) with other frames: reversed, in one fixed order without a frame in
    its place, or the middle frame repeated."""

    def __init__(self, model: nn.Module, kind: str, frames: int):
        super().__init__()
        self.model = model
        self.register_buffer("order", torch.tensor(order_of(kind, frames)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x[:, :, self.order])


def order_of(kind: str, frames: int) -> list[int]:
    """Which frame stands at each place of the clip."""
    if kind == "reverse":
        return list(range(frames))[::-1]
    if kind == "freeze":
        return [frames // 2] * frames
    if kind == "shuffle" and frames > 1:
        random = generator(0, frames, "perturbation")
        while True:  # a permutation leaves no frame in its place about every third time
            order = [int(i) for i in random.permutation(frames)]
            if all(i != place for place, i in enumerate(order)) and (frames < 4 or order != list(range(frames))[::-1]):
                return order
    return list(range(frames))


def probe_run(
    folder: RunFolder, kinds: tuple[str, ...], *, root: Path, device: str | None = None, workers: int = 0
) -> dict[str, Any]:
    """Top-1 in percent of a finished run on its validation clips under each perturbation, and how often the predicted
    class stays what it was.  Raises BadInput when the run is not finished or its data are not those it was tested on.
    """
    spec, result = folder.spec(), folder.result()
    if result is None:
        raise BadInput(f"The run {folder.id} is not finished; only finished runs can be probed.")
    p, data = spec.protocol, open_dataset(spec.dataset, root)
    val = data.split("val")
    if not val.matches(result["manifests"]["val"]):
        raise BadInput(f"The videos of {spec.dataset} in {data.root} are not those that {folder.id} was tested on.")
    control = Control(workers=workers, device=usable_device(device))
    set_determinism(control.device)
    check_normalisation(spec)
    model = build(spec.network, len(data.classes), spec.frames, p.test_size)
    weights.load(model, str(folder.checkpoint), classes=data.classes)
    found, before = [], None
    with threads_of(folder, control.device):
        for kind in ("none", *(k for k in kinds if k != "none")):
            views = EvalClips(
                val,
                spec.frames,
                p.test_size,
                p.sampling,
                p.evaluation.clips,
                p.evaluation.crops,
                Decoder(),
                crop_rule=p.evaluation.crop_rule,
                flips=data.flips_keep_classes,
            )
            network = Perturbed(model, kind, spec.frames).to(control.device)
            network.name = model.name
            made = predict(network, views, p.precision, p.evaluation.batch, control, folder.id)
            fused = made.fused(p.evaluation.fusion)
            classes = fused.argmax(1)
            before = classes if before is None else before
            top1 = accuracies(fused, made.labels, data.classes, data.info.pairs)["top1"]
            found.append({"frames": kind, "top1": top1, "same_class": 100 * float((classes == before).mean())})
    return {"run": folder.id, "name": spec.model, "dataset": spec.dataset, "n": len(made.ids), "clips": found}
