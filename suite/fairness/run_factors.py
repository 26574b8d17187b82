"""The factors of our own runs, and of the tests of their weights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from suite.fairness.code_parts import code_factor
from suite.fairness.data_factors import data_of, data_of_split, decoder_of, leakage_of, retested_decoder
from suite.fairness.factors import FACTORS, ONE_MODEL, THE_SAME, chain_of, read_views, schedule_of, text, views_of
from suite.fairness.tuned import is_chosen, not_chosen, tuned_factors, without_choice
from suite.models import canonical_name, normalisation
from suite.spec import Augmentation, parse_model, run_named, weights_file
from suite.statistics.run_table import architecture
from suite.store.earlier import run_folder
from suite.store.evaluations import stored_test
from suite.store.folder import RunFolder
from suite.store.identity import EvaluationSpec, RunSpec, crop_rule_of, digest

# Releases that are known by the names of their files: kind of source, name, data set.  The SHA-256 stands beside it.
RELEASES = (
    ("timm", r"_in21k(?!_ft)", "imagenet-21k"),
    ("mfnet", r"^MFNet2D_ImageNet1k", "imagenet"),
)
PACKAGES = ("torch", "torchvision", "numpy")  # with CUDA and cuDNN: what computes


def of_run(
    spec: RunSpec,
    chain: Iterable[RunSpec] = (),
    result: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    before: Iterable[Mapping[str, Any]] = (),
    first: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The factors of a run; `chain` are the runs before it, first stage first, `before` their results.

    first: the provenance of the first stage, whose starting weights all stages rest on.  Without a result the data and
    what was found missing are unknown, without a provenance the software is.
    """
    p, name, chain = spec.protocol, parse_model(spec.model), tuple(chain)
    result, sessions = result or {}, (provenance or {}).get("sessions", [])
    started = ((first if chain else provenance) or {}).get("weights") or {}
    first_stage = chain[0] if chain else spec
    if first_stage.transfer and (started.get("pretraining") or {}).get("run", first_stage.parent) != first_stage.parent:
        started = {}  # a record of another source than the run has
    root = first_stage.protocol
    before = [*before, *[{}] * len(chain)][: len(chain)]
    views = views_of(p.evaluation.clips, p.evaluation.crops)
    return {
        "dataset": spec.dataset,
        "split": "val",
        "data": data_of(result),
        "missing": result.get("missing"),
        "leakage": leakage_of(result, provenance),
        "ensemble": ONE_MODEL,
        "module": architecture(canonical_name(spec.network), name.module)[0],
        "backbone": name.backbone,
        "pooling": name.pooling,
        "frames": spec.frames,
        "test_frames": spec.frames,
        "pretraining": _pretraining(
            None if first_stage.transfer else root.init, started.get("pretraining"), first_stage.model
        ),
        "weights": _weights(first_stage, started),
        "inflation": root.inflate if root.init != "scratch" else "none: from scratch",
        "normalisation": spec.normalisation or normalisation(spec.model),  # scheme 1 used this same rule
        "sampling": {"rule": p.sampling.rule, "variant": p.sampling.variant}
        if p.sampling.rule == "uniform"
        else {"rule": "dense", "stride": p.sampling.stride},
        "test_sampling": spec.evaluation().content()["sampling"],
        "held_out": p.dev,
        "resolution": p.size,
        "augmentation": {
            "crop": _training_crop(p.augmentation),
            "flip": result.get("flip", p.augmentation.flip),
        },
        "optimiser": {
            "momentum": p.momentum,
            "weight_decay": p.weight_decay,
            "norm_decay": p.norm_decay,
            "nesterov": p.nesterov,
            "gradient_limit": "none" if p.clip_gradient is None else p.clip_gradient,
        },
        "schedule": schedule_of(p),
        # two stages with the same digest were trained alike
        "chain": chain_of([(schedule_of(s.protocol), digest(s.training()["recipe"], 8)) for s in chain]),
        "chain_frames": [s.frames for s in chain],
        "epochs_seen": sum(_seen(s, r) for s, r in zip((*chain, spec), (*before, result), strict=True)),
        "batch": p.batch,
        "batch_norm": p.per_step,
        "step_batch": p.per_step,
        "sync_bn": p.sync_bn,
        "dropout": p.dropout,
        "precision": p.precision,
        "compile": p.compile,
        "selection": _selection_rule(p),
        "tuning": p.tuning,
        "seed": spec.seed,
        "views": views,
        "test_crop": _test_crop(p.test_size, p.evaluation.crop_rule),
        "fusion": p.evaluation.fusion if views["number"] > 1 else "one view",
        "code_train": code_factor(sessions, "code_train"),
        # a run is tested at the end of its last session, and along the way where tests choose the epoch
        "code_test": code_factor(sessions if p.selection == "best" else sessions[-1:], "code_test"),
        "packages": _value_of_all_sessions(_packages(s) for s in sessions),
        "decoder": decoder_of((provenance or {}).get("decoding"), [s.get("packages") or {} for s in sessions]),
        "device": _value_of_all_sessions(map(_device, sessions)),
    }


def _training_crop(how: Augmentation) -> str:
    """The training crop and its settings in words, as the published record has them."""
    return _crop_itself(how) + ("" if how.picture == "stored" else f", of {how.picture} pictures")


def _crop_itself(how: Augmentation) -> str:
    if how.crop == "multi_scale":
        return f"scales {text(how.scales)}"
    if how.crop == "random_resized":
        return f"random resized, area {how.area[0]:g} to {how.area[1]:g}, aspect {how.aspect[0]:g} to {how.aspect[1]:g}"
    places = ", top left/centre/bottom right" if how.crop == "diagonal" else ""
    return f"short side {how.short_side[0]} to {how.short_side[1]}{places}"


def _test_crop(size: int | None, rule: str) -> int | str | None:
    """Pixels, and the rule by which test pictures are resized and cropped where it is not the usual one."""
    return size if size is None or rule == "short_side" else f"{size}, {rule}"


def _pretraining(init: str | None, source: Mapping[str, Any] | None, model: str) -> Any:
    """What kind of weights `init` names; which ones, the factor "weights" says.

    source: what trained them, of those of a run of ours (`suite.store.pretraining`): its data set, its model, its
    frames, its seed, a digest of its protocol, and what it started from itself.  None where that is not known: the run
    that `init` names, or (init None) that pretrained in the same grid, is not finished.
    """
    if source:
        itself = source.get("model") == model
        found = {"data set": source.get("dataset"), "model": source.get("model")}
        found |= {"of": THE_SAME if itself else "another model", "frames": source.get("frames")}
        found |= {"seed": source.get("seed"), "protocol": source.get("recipe"), "start": source.get("start")}
        before = source.get("before")
        return found | ({"start": _pretraining("", before, source.get("model", ""))} if before else {})
    if init is None or run_named(init):
        return None
    kind, path = weights_file(init)
    for released, name, data in RELEASES:
        if path and kind == released and re.search(name, path.name):
            return data
    return kind if path is None or kind == "imagenet" else f"{kind or 'suite'} checkpoint"


def _weights(spec: RunSpec, started: Mapping[str, Any]) -> str | None:
    """The SHA-256 of the file that a first stage started from; None where it was not recorded.

    From a run of ours: of the file that all its training rests on, since weights that were trained here by one protocol
    differ with the model.
    """
    source = started.get("pretraining")
    if not source and spec.transfer:
        return None
    if not source:
        return "none" if spec.protocol.init == "scratch" else spec.weights_sha256 or started.get("sha256")
    while source.get("before"):
        source = source["before"]
    return "none" if source.get("start") == "scratch" else source.get("start_sha256")


def _seen(spec: RunSpec, result: Mapping[str, Any]) -> int:
    """Epochs behind the weights that a stage kept."""
    selected = result.get("selected_epoch")
    return spec.protocol.epochs if selected is None else selected + 1


def _selection_rule(p: Any) -> str:
    return "last epoch" if p.selection == "last" else "best epoch on training videos held out"


def _packages(session: Mapping[str, Any]) -> str | None:
    versions = session.get("packages")
    if not versions:
        return None
    found = [f"{name} {versions.get(name)}" for name in PACKAGES]
    found += [f"{name} {session[name]}" for name in ("cuda", "cudnn") if name in session]
    return ", ".join(found)


def _value_of_all_sessions(values: Iterable[Any]) -> str | None:
    """The value of all sessions; several are named together, so that they equal no single one."""
    found = list(dict.fromkeys(values))
    if not found or None in found:
        return None
    return str(found[0]) if len(found) == 1 else " then ".join(map(str, found))


def read_run(spec: RunSpec, folder: RunFolder) -> dict[str, Any]:
    """The factors of a run as `spec` tests it; the folders of its parents lie beside its own."""
    chain, results, at, stage = [], [], spec, folder
    while at.parent and not at.transfer:
        stage = run_folder(folder.path.parent, at.parent)
        at = stage.spec()
        chain.insert(0, at)
        results.insert(0, stage.result() or {})
    stages = [*chain, spec]
    chosen = bool(spec.protocol.tuned) and is_chosen(spec, folder.path.parent)
    if chosen:
        stages = without_choice(stages)
    found = of_run(stages[-1], stages[:-1], folder.result(), folder.read_provenance(), results, stage.read_provenance())
    if spec.protocol.tuned:
        found = tuned_factors(found, spec.protocol) if chosen else found | {"tuning": not_chosen(spec)}
    test = stored_test(folder, spec.evaluation())
    return found | of_test(test.facts, found) if test and test.facts else found


def of_evaluation(facts: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """The factors of what `suite eval` wrote into `place`; of a test of a run of ours, in its folder, the run's too."""
    run = RunFolder(place.resolve().parents[1])
    trained = read_run(run.spec(), run) if facts.get("run") == run.id else {}
    name = parse_model(facts["model"])
    known = {"module": architecture(canonical_name(facts["model"]), name.module)[0], "backbone": name.backbone}
    known |= {"pooling": name.pooling, "ensemble": ONE_MODEL}
    return dict.fromkeys(FACTORS) | known | trained | of_test(facts, trained)


def of_test(facts: Mapping[str, Any], trained: Mapping[str, Any]) -> dict[str, Any]:
    """The factors that a test of its own settles, from its eval.json; `trained`: those of the run."""
    known = {key: facts.get(key) for key in ("dataset", "split", "precision")}
    known |= {"views": read_views(facts["views"]), "test_frames": facts.get("frames")}
    known["test_crop"] = _test_crop(facts.get("size"), crop_rule_of(facts))
    known["fusion"] = facts["fusion"] if facts["views"] != "1x1" else "one view"
    known["test_sampling"] = EvaluationSpec.from_facts(facts).content()["sampling"]
    session = {**(facts.get("environment") or {}), **(facts.get("device") or {})}
    known["code_test"] = code_factor([session], "code_test")
    known["packages"] = _later(trained.get("packages"), _packages(session))
    known["device"] = _later(trained.get("device"), _device(session))
    known["decoder"] = retested_decoder(trained.get("decoder"), facts.get("decoding"))
    # tests of manifest scheme 1 have the hash of the list alone
    parts = facts.get("manifest_parts") or {"list": facts.get("manifest_sha256")}
    known["data"] = {**(trained.get("data") or {}), **data_of_split(facts.get("split", "val"), parts)}
    return known


def _later(before: str | None, now: str | None) -> str | None:
    """What trained, and what tested where that is something else; None where one is not known."""
    return before if before == now else None if None in (before, now) else f"{before}, tested on {now}"


def _device(session: Mapping[str, Any]) -> str | None:
    return "cpu" if str(session.get("device")) == "cpu" else session.get("name")
