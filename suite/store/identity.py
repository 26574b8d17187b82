"""What a run is: the configuration that trains it, hashed into its id, and the settings that its weights are tested by.

Identity scheme 2.  The id stands for all that training depends on: model with every option written out, data set,
frames, seed, the protocol without its name, the run before it in the chain, and the starting weights by content.  How
the weights are tested has an id of its own (`EvaluationSpec`), so that a change of test views retrains nothing.  Paths,
devices and workers are in neither, nor is what a run merely tolerates (missing videos).

Runs of scheme 1 hashed the model name as it was typed, the path of the starting weights, the protocol with its name,
and the test settings.  They stay readable and are checked by their own scheme; `suite.store.earlier` finds them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from suite.spec import BadInput, Protocol, checked, run_named, unchanged_file_sha256, weights_file

SCHEME = 2
TOLERANCES = ("allow_missing", "allow_leakage")  # which videos a run saw is told by its manifests
TEST_SPLIT = "val"
LATER_SETTINGS = {  # of the parts of a protocol: left out of spec.yaml at their default
    "evaluation": ("size", "crop_rule", "views"),
    "augmentation": ("crop", "picture", "short_side", "area", "aspect"),
}


def digest(content: Any, length: int = 10) -> str:
    """The first hexadecimal digits of the SHA-256 of plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:length]


def crop_rule_of(facts: dict[str, Any]) -> str:
    """The crop rule of what an eval.json says; older ones know but one."""
    return facts.get("crop_rule", "short_side")


def _unused(protocol: Protocol) -> set[str]:
    """Keys that are left out at their defaults: runs from before there were such keys keep their spec.yaml."""
    defaults = type(protocol).model_fields
    later = {
        key
        for key in ("init_fresh", "norm_decay", "sync_bn", "compile")
        if getattr(protocol, key) == defaults[key].default
    }
    return later | (set() if protocol.tuned else {"tuned"})


@dataclass(frozen=True)
class EvaluationSpec:
    """One test of a model's weights: which videos, and how their views are made and fused."""

    dataset: str
    split: str
    frames: int
    size: int  # pixels
    clips: int
    crops: int
    fusion: str
    rule: str
    stride: int
    dense_clip: str
    precision: str
    variant: str = "segment"
    crop_rule: str = "short_side"

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> EvaluationSpec:
        """Of what an eval.json says.  Raises KeyError, TypeError or ValueError where it says too little."""
        clips, crops = (int(number) for number in facts["views"].split("x"))
        same = {key: facts[key] for key in ("dataset", "split", "frames", "size", "fusion", "precision")}
        sampling = {key: facts["sampling"][key] for key in ("rule", "stride", "dense_clip")}
        later = {"variant": facts["sampling"].get("variant", "segment"), "crop_rule": crop_rule_of(facts)}
        return cls(clips=clips, crops=crops, **same, **sampling, **later)

    def content(self) -> dict[str, Any]:
        """What the result depends on.

        A setting without effect (the fusion of one view) is left out, and so is a later one at its default: what was
        tested before it came keeps its id.
        """
        sampling: dict[str, Any] = {"rule": self.rule}
        if self.rule == "dense":
            sampling["stride"] = self.stride
            if self.clips == 1:
                sampling["dense_clip"] = self.dense_clip
        elif self.clips > 1 and self.variant != "segment":  # it shifts several clips otherwise
            sampling["variant"] = self.variant
        return {
            "dataset": self.dataset,
            "split": self.split,
            "frames": self.frames,
            "size": self.size,
            "views": f"{self.clips}x{self.crops}",
            "fusion": self.fusion if self.clips * self.crops > 1 else None,
            "sampling": sampling,
            "precision": self.precision,
            **({} if self.crop_rule == "short_side" else {"crop_rule": self.crop_rule}),
        }

    @property
    def id(self) -> str:
        """Readable part and hash, such as `f8.10x3-1a2b3c4d`."""
        return f"f{self.frames}.{self.clips}x{self.crops}-{digest(self.content(), 8)}"


@dataclass(frozen=True)
class RunSpec:
    """One training run: everything that its result depends on, and nothing else.

    model: the canonical name; architecture: the same with every option written out; normalisation: of the input;
    weights_sha256: of the file that `init` names; None where it names none, the run starts from its parent, or a file
    named without a folder is not on this machine (the id is then a provisional one).  For `init: run:ID` it is given:
    `suite.store.pretraining` finds that run.
    What is not given of these is found out, which imports torch.  Raises BadInput when a path leads to no file.
    """

    model: str
    dataset: str
    frames: int
    seed: int
    protocol: Protocol
    parent: str | None = None  # run id
    control: str = ""  # "epoch_matched": trained further at its parent's frames, beside the chain
    architecture: str = ""
    normalisation: str = ""
    weights_sha256: str | None = None
    transfer: bool = False  # its parent was trained on other data: it takes the weights, with a fresh classifier
    scheme: int = SCHEME
    stored: dict[str, Any] | None = field(default=None, repr=False, compare=False)  # scheme 1: as its file has it

    def __post_init__(self) -> None:
        if self.scheme != SCHEME or self.architecture:
            return
        from suite.models import canonical_name, normalisation, spelled_out

        found = {
            "architecture": spelled_out(self.model),
            "model": canonical_name(self.model),
            "normalisation": normalisation(self.model),
            "weights_sha256": self.weights_sha256 or self._weights_sha256(),
        }
        for key, value in found.items():
            object.__setattr__(self, key, value)

    def _weights_sha256(self) -> str | None:
        _, path = weights_file(self.protocol.init)
        if self.parent or path is None:
            return None
        if path.is_file():
            return unchanged_file_sha256(path)  # many runs of a plan start from one file
        if path.name == str(path):  # a release by its name: planned without the file, and refused before it is trained
            return None
        raise BadInput(f"Invalid init: the weights file {path} does not exist.")

    @property
    def missing_weights(self) -> str | None:
        """What is to be brought before the run can be trained: a weights file, or `run:ID`, a run to be finished."""
        init, (_, path) = self.protocol.init, weights_file(self.protocol.init)
        needed = init if run_named(init) else str(path) if path else None
        return needed if needed and not self.parent and not self.weights_sha256 and self.scheme == SCHEME else None

    @property
    def network(self) -> str:
        """The name to build: with every option, so that a default that changes later does not change it."""
        return self.architecture or self.model

    def resolved(self) -> dict[str, Any]:
        """The full configuration as plain data, as spec.yaml holds it."""
        if self.scheme == 1:
            return self.stored or {}
        return {
            "scheme": self.scheme,
            "model": self.model,
            "architecture": self.architecture,
            "normalisation": self.normalisation,
            "dataset": self.dataset,
            "frames": self.frames,
            "seed": self.seed,
            "parent": self.parent,
            **({"control": self.control} if self.control else {}),
            **({"transfer": True} if self.transfer else {}),
            "weights_sha256": self.weights_sha256,
            "protocol": self._protocol_written(),
        }

    def _protocol_written(self) -> dict[str, Any]:
        """As plain data; settings that came after the first release stand there where they are not at their default."""
        written = self.protocol.model_dump(mode="json", exclude={"chained", "source", *_unused(self.protocol)})
        for part, keys in LATER_SETTINGS.items():
            fields = type(getattr(self.protocol, part)).model_fields
            for key in keys:
                if getattr(getattr(self.protocol, part), key) == fields[key].default:
                    del written[part][key]
        return written

    def training(self) -> dict[str, Any]:
        """What the trained weights depend on, as plain data; its hash is the run's identity."""
        p = self.protocol
        kind, path = weights_file(p.init)
        by_content = path or run_named(p.init)
        beside = ("name", "source", "chained", "evaluation", "init", "init_fresh", *TOLERANCES)
        recipe = p.model_dump(mode="json", exclude={*beside, *_unused(p)}) | {"augmentation": p.augmentation.used()}
        recipe["sampling"].pop("dense_clip")  # of test clips
        if p.selection == "best":
            recipe["selected_on"] = {"every_epochs": p.evaluation.every_epochs, **self.evaluation().content()}
        return {
            "scheme": self.scheme,
            "model": self.architecture,
            "normalisation": self.normalisation,
            "dataset": self.dataset,
            "frames": self.frames,
            "seed": self.seed,
            "parent": self.parent,
            "control": self.control,
            **({"transfer": True} if self.transfer else {}),
            "init": None if self.parent else [kind.removeprefix("run"), self.weights_sha256] if by_content else kind,
            **({"init_fresh": sorted(set(p.init_fresh))} if p.init_fresh and not self.parent else {}),
            "recipe": recipe,
        }

    @cached_property
    def id(self) -> str:
        """Readable part and hash, in the characters [A-Za-z0-9._+=-]."""
        content = self.resolved() if self.scheme == 1 else self.training()
        readable = re.sub(r"[^A-Za-z0-9._+=-]", ".", f"{self.dataset}.{self.model}")
        return f"{readable}.f{self.frames}.s{self.seed}-{digest(content)}"

    def evaluation(self) -> EvaluationSpec:
        """The test of its clip-level accuracy."""
        how = self.protocol.evaluation
        return self._evaluation(how.clips, how.crops)

    def video_evaluation(self) -> EvaluationSpec | None:
        """The test of its video-level accuracy, where the protocol has one."""
        how = self.protocol.evaluation
        return self._evaluation(how.video_clips, how.video_crops) if how.video_clips else None

    def evaluations(self) -> list[EvaluationSpec]:
        """All tests that its protocol asks for: at clip level, at video level, then those of its further views."""
        views = [map(int, text.split("x")) for text in self.protocol.evaluation.views]
        own = [self.evaluation(), self.video_evaluation()]
        return list(dict.fromkeys(test for test in [*own, *(self._evaluation(*v) for v in views)] if test))

    def evaluation_with(self, views: str) -> EvaluationSpec:
        """The test with other views, clips x crops such as `2x3`."""
        clips, crops = map(int, views.split("x"))
        return self._evaluation(clips, crops)

    def _evaluation(self, clips: int, crops: int) -> EvaluationSpec:
        p = self.protocol
        return EvaluationSpec(
            dataset=self.dataset,
            split=TEST_SPLIT,
            frames=self.frames,
            size=p.test_size,
            clips=clips,
            crops=crops,
            fusion=p.evaluation.fusion,
            rule=p.sampling.rule,
            stride=p.sampling.stride,
            dense_clip=p.sampling.dense_clip,
            precision=p.precision,
            variant=p.sampling.variant,
            crop_rule=p.evaluation.crop_rule,
        )

    @classmethod
    def from_resolved(cls, data: dict[str, Any]) -> RunSpec:
        """From what `resolved` gives; raises BadInput, KeyError, TypeError or AttributeError for anything else."""
        scheme = data.get("scheme", 1)
        if scheme not in (1, SCHEME):
            raise BadInput(f"a run of identity scheme {scheme!r}, which this version of the suite does not know.")
        own = {
            "model": data["model"],
            "dataset": data["dataset"],
            "frames": data["frames"],
            "seed": data["seed"],
            "protocol": checked(Protocol, data["protocol"], "a run's spec"),
            "parent": data["parent"],
            "control": data.get("control", ""),
            "transfer": data.get("transfer", False) is True,
        }
        if scheme == 1:
            return cls(**own, scheme=1, stored=data)
        written = {key: data[key] for key in ("architecture", "normalisation", "weights_sha256")}
        if not all(isinstance(written[key], str) and written[key] for key in ("architecture", "normalisation")):
            raise TypeError("architecture and normalisation are names")
        return cls(**own, **written)
