"""The suite's model names of printed rows, so that a published number finds the run it belongs beside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from suite.models import canonical_name
from suite.spec import BACKBONES, BadInput, Part, standalone_names

RCCA_FIVE = "conv3_1/conv3_3/conv4_1/conv4_3/conv4_5"  # rcca3d, Sec. 4.1, where five modules stand
PYSLOWFAST = "conv3_2/conv3_4/conv4_2/conv4_4/conv4_6"  # its non-local blocks: 1, 3 and 1, 3, 5, counted from 0
PARTS = {"embedding": "linear embedding", "fusion": "adaptive fusion", "attention": "backward attention"}  # arc, 5a
POOLS = {"S": "s", "T": "t", "ST": "st", "S+T": "both"}  # arc, Table 5d
DATASETS = {"diving48_v2": "diving48"}  # the suite's Diving48 is its second version
# two data sets are called Mini-Kinetics: that of rcca3d is the one of Xie et al., that of deep_analysis its own
OF_PAPER = {("rcca3d", "mini_kinetics"): "mini_kinetics_xie"}
DIVISIONS = ("split1", "split2", "split3")  # official ones, whose test videos are our validation split
MEAN = "avg_splits"  # of these
SPLITS = (None, "", "val", *DIVISIONS)  # of which the suite has models; not their mean, nor test
FRAMES = {  # of tables that do not state them
    ("deep_analysis", "6"): 8,  # the rows of all places are the 8-frame runs of deep_analysis_mini.csv
    ("gta", "5"): 8,  # C2D-R50 of PySlowFast, whose costs at 8 frames are those printed
}


def dataset_of(row: dict[str, Any]) -> str:
    """The suite's name of the data set of a row, with the official split where that is not the first."""
    name = OF_PAPER.get((row["paper"], row["dataset"])) or DATASETS.get(row["dataset"], row["dataset"])
    return f"{name}@split={row['split'][-1]}" if row["split"] in ("split2", "split3") else name


def canonical(name: str) -> str:
    """The one name of a model; a name that is none of ours as it is."""
    try:
        return canonical_name(name)
    except BadInput:
        return name


def plain_name(printed: str) -> str:
    """A printed model name without citation, footnote sign and "(ours)"."""
    beside = r"\s*(\[\d+\]|\([^()]*\(\d{4}\w?\)\)|\((dagger|ours|our method)\))"
    return re.sub(beside, "", printed, flags=re.IGNORECASE).strip()


def suite_name(row: dict[str, Any]) -> str:
    """The model name of a row as `record.wide` gives it; empty where the suite has none, or print leaves it open."""
    codes = row["notes"].split()
    if not row["module"] or {"ensemble", "two_stream", "two_places_unclear"} & set(codes):
        return ""
    head, *blocks = [
        Part(name, _options(tail)) for name, _, tail in (p.partition("@") for p in row["module"].split("+"))
    ]
    body = _body(head.name, row)
    if not body:
        return ""
    if any(block.name == "gta" for block in blocks):  # +gta has the spatial attention before it, unless sa=no
        blocks = [block for block in blocks if block.name != "sa"]
    head = Part(body, head.options + _clip(head.name, row))
    return canonical("+".join(_text(Part(p.name, p.options + _printed(p.name, row))) for p in (head, *blocks)))


def frames_of(row: dict[str, Any]) -> float:
    """Frames of the clip that the network is given; NaN where not known.  SlowFast reads those of its fast pathway."""
    counts = [int(f) for f in row["frames"].split("+")] if row["frames"] else []
    if row["module"].partition("+")[0] == "slowfast" and counts:
        return max(counts)
    return sum(counts) if counts else FRAMES.get((row["paper"], row["table"]), float("nan"))


def namesake(rows: list[dict[str, Any]], factors: dict[str, Any]) -> dict[str, Any] | None:
    """Of published rows of one model, data set and number of frames, the one to print beside a run of these factors.

    Quoted rows stand beside none, rows pretrained on videos not beside runs that are not, nor beside those pretrained
    on other videos.  While the others print different accuracies, those of the same pretraining, sampling and views are
    kept where there are any; None when they still differ.
    """
    rows = [row for row in rows if row.get("origin") != "quoted"]
    if "pretraining" in factors:
        rows = [row for row in rows if _on_videos(row["factors"]) == _on_videos(factors)]
    if isinstance(factors.get("pretraining"), Mapping):  # of another checkpoint the data set is not known
        rows = [row for row in rows if _pretraining(row["factors"]) == _pretraining(factors)]
    for test in (_pretraining, _sampling, _views):
        if len(_values(rows)) > 1:
            rows = [row for row in rows if test(row["factors"]) == test(factors)] or rows
    values = _values(rows)
    return next(row for row in rows if row["top1"] in values) if len(values) == 1 else None


def differences(row: dict[str, Any], factors: dict[str, Any]) -> list[str]:
    """In what of pretraining, sampling and views a run differs from what a published row states."""
    tests = {"pretraining": _pretraining, "sampling": _sampling, "views": _views}
    stated = {name: (test(row["factors"]), test(factors)) for name, test in tests.items()}
    return [name for name, (theirs, ours) in stated.items() if theirs is not None and theirs != ours]


def _values(rows: list[dict[str, Any]]) -> set[float]:
    """The accuracies of rows, without those that are another one printed with one decimal instead of two."""
    values = {row["top1"] for row in rows}
    exact = {value for value in values if abs(value - round(value, 1)) > 1e-6}
    return {v for v in values if v in exact or not any(abs(v - w) < 0.05 + 1e-6 for w in exact)}


def _pretraining(factors: dict[str, Any]) -> str | None:
    text = factors.get("pretraining")
    if isinstance(text, Mapping):
        return text.get("data set")
    return {"scratch": "none", "imagenet-21k": "imagenet"}.get(text, text.partition(":")[0] if text else None)


def _on_videos(factors: dict[str, Any]) -> bool:
    return _pretraining(factors) not in ("imagenet", "none", None)


def _sampling(factors: dict[str, Any]) -> str | None:
    return (factors.get("sampling") or {}).get("rule")


def _views(factors: dict[str, Any]) -> int | None:
    return factors["views"]["number"] if factors.get("views") else None


def _body(module: str, row: dict[str, Any]) -> str:
    if module.startswith("cstransformer"):
        variant = re.search(r"V([123])\b", row["model"])
        number = variant[1] if variant else 2  # V2 is the paper's default
        return f"cstransformer-v{number}" + module.removeprefix("cstransformer")
    if module == "mfnet":
        return module
    if module == "other" or row["backbone"] not in BACKBONES:
        return ""
    body = f"{module}-{row['backbone']}"
    return body if module in standalone_names().values() or row["pooling"] != "tp" else f"{body}-tp"


def _clip(module: str, row: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    if module != "slowfast":
        return ()
    printed = re.search(r"(\d+)[x×](8|16)\b", row["model"])
    clip = f"{printed[1]}x{printed[2]}" if printed else {"16+64": "16x8", "4+32": "4x16"}.get(row["frames"], "8x8")
    return (("clip", clip),)


def _printed(part: str, row: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """What the varied setting of a row, and what is known of its paper, say of a network or block."""
    said = _SETTINGS.get(row["paper"])
    return tuple(said(part, row, row["setting"] or "").items()) if said else ()


def _deep_analysis(part: str, row: dict[str, Any], setting: str) -> dict[str, str]:
    return {"pool": "1"} if part == "nl" else {}  # its printed cost is that of keys that are not pooled


def _rcca3d(part: str, row: dict[str, Any], setting: str) -> dict[str, str]:
    if part not in ("nl", "rcca"):
        return {}
    at = re.search(r"conv\d_\d", setting)
    before = "conv2_2" if setting == "conv2" else "conv3_3"  # Sec. 4.3 says no more; any block of res2 costs the same
    five = "five_modules" in row["notes"].split()
    # the cost printed for one non-local block is that of keys that are not pooled; of MF-Net's five they are said to be
    varied = {"pool": "1"} if part == "nl" and not five else {}
    varied |= {
        key: match[1]
        for key, pattern in (("structure", r"structure (\w)"), ("r", r"R=(\d)"), ("fraction", r"C_d=(\S+)"))
        if (match := re.search(pattern, setting))
    }
    return {"at": at[0] if at else RCCA_FIVE if five else before, **varied}


def _gta(part: str, row: dict[str, Any], setting: str) -> dict[str, str]:
    pyslowfast = row["module"].startswith("slowfast") or row["table"] == "5"  # the codebase of these rows
    if part == "slowfast-resnet101":
        return {"res4": "6"}  # as PySlowFast configures it, and as the printed 106 G has it
    if part not in ("nl", "dnl", "sa", "ta", "tape", "gta"):
        return {}
    # eq. 2 divides by the root of the width; the paper's own blocks start as Kaiming's, of the non-local block it says
    # nothing
    start = {"scale": "sqrt"} if part == "nl" else {"zero_init": "no"}
    if pyslowfast:  # by the printed costs the map is pooled before the projections
        return start | {"pool": "before", "at": PYSLOWFAST}
    if part != "gta":
        return start
    places = "/".join(f"{stage}:{count}" for stage, count in re.findall(r"(res\d) x(\d)", setting))
    groups = re.search(r"G=(\d+)", setting)
    alone = setting.startswith("+") and "SA" not in setting
    return (
        start
        | ({"at": places} if places else {})
        | ({"groups": groups[1]} if groups else {})
        | ({"sa": "no"} if alone else {})
    )


def _arc(part: str, row: dict[str, Any], setting: str) -> dict[str, str]:
    if part != "arc":
        return {}
    if row["table"] == "5a":
        return {key: "yes" if words in setting else "no" for key, words in PARTS.items()}
    if row["table"] == "5b":
        return {"n": setting.removeprefix("n=")}
    if row["table"] == "5c":
        return {"stages": "/".join(f"res{stage}" for stage in setting.removeprefix("res").split(","))}
    if row["table"] == "5d":
        interaction, pool, cell = setting.split(", ")
        return {"interaction": interaction, "pool": POOLS[pool], "cell": cell.lower()}
    return {}


def _cstransformer(part: str, row: dict[str, Any], setting: str) -> dict[str, str]:
    if row["table"] == "1b":
        return {
            f"{axis}_position": "yes" if axis in setting and not setting.startswith("no ") else "no"
            for axis in ("spatial", "temporal")
        }
    if row["table"] == "1d":
        return {"ratio": setting.removesuffix("x")}
    if row["table"] == "2b" and setting.startswith("baseline +"):
        return {"cssa": "yes" if "CSSA" in setting else "no", "fam": "yes" if "FAM" in setting else "no"}
    return {}


_SETTINGS = {
    "deep_analysis": _deep_analysis,
    "rcca3d": _rcca3d,
    "gta": _gta,
    "arc": _arc,
    "cstransformer": _cstransformer,
}


def _options(tail: str) -> tuple[tuple[str, str], ...]:
    return tuple(tuple(item.split("=", 1)) for item in tail.split(",")) if tail else ()


def _text(part: Part) -> str:
    return part.name + ("@" + ",".join(f"{key}={value}" for key, value in part.options) if part.options else "")
