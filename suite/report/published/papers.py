"""The layouts of the five papers' result tables: rows, columns and groups, without any of their numbers."""

from __future__ import annotations

from typing import Literal

from suite.report.published.layout import (
    NAMES,
    Label,
    Layout,
    Section,
    Value,
    bare_model,
    blocks_at,
    has,
    host,
    printed_views,
    setting,
)


def _layout(paper: str, table: str, about: str, *columns: Label | Value, note: str = "") -> Layout:
    return Layout(paper, table, about, (Section(columns),), note)


def _sections(columns: tuple[Label | Value, ...], **rows: tuple[int, int]) -> tuple[Section, ...]:
    return tuple(Section(columns, title.replace("_", " "), of) for title, of in rows.items())


MODEL, BACKBONE = Label("model", bare_model), Label("backbone", "backbone")
PRETRAINING, FRAMES = Label("pretraining", "pretraining"), Label("frames", "frames", right=True)
DATASET = Label("data set", "dataset")
FLOPS, PARAMS = Value("FLOPs (G)", "gflops"), Value("parameters (M)", "params_m")
TOP1, TOP5, GAIN = Value("top-1 (%)", "top1"), Value("top-5 (%)", "top5"), Value("gain (points)", "top1_gain")
TIMES_VIEWS, TIMES_CLIPS = (
    (Value("FLOPs (G)", "gflops", group=f"FLOPs × {what}"), Label(what, printed_views, f"FLOPs × {what}", right=True))
    for what in ("views", "clips")
)
VIEWS = Label("clips × crops", printed_views, right=True)
RELATIVE = (
    *(Value("G", "gflops", group="FLOPs"), Value("% of baseline", "gflops_percent", group="FLOPs")),
    *(Value("M", "params_m", group="parameters"), Value("% of baseline", "params_percent", group="parameters")),
)


def _top1(*datasets: str, group: str = "top-1 (%)") -> tuple[Value, ...]:
    return tuple(Value(NAMES[dataset], "top1", {"dataset": dataset}, group) for dataset in datasets)


def _modules(metric: str, *, of: tuple[str, ...], beside: Literal["run", "contribution"]) -> tuple[Value, ...]:
    """A column per module; deep_analysis calls plain TSN "None" and a dense temporal convolution "Conv."."""
    heads = {"tsn": "None", "i3d": "I3D", "s3d": "S3D", "conv": "Conv.", "tam": "TAM", "tsm": "TSM", "tsn+nl": "NLN"}
    in_runs = ("tsn", "i3d", "s3d", "tam")
    return tuple(Value("printed", metric, {"module": m}, heads[m], beside if m in in_runs else "") for m in of)


_AGGREGATION = (
    *(DATASET, FRAMES),
    *_modules("top1", of=("tsn", "i3d", "conv", "tam", "tsm", "tsn+nl"), beside="run"),
)
_AGGREGATION_COST = (
    *(BACKBONE, Label("aggregation", lambda number: number["model"].partition(" (")[0])),
    *(Value("printed", "gflops", {"frames": f}, f"FLOPs (G), {f} frames", "run") for f in ("8", "16")),
    Value("printed", "params_m", group="parameters (M)", beside="run"),
)
_BY_BACKBONE = tuple(
    Section(_AGGREGATION, NAMES[body], where={"backbone": body}, metrics=("top1",))
    for body in ("inception_v1", "resnet50")
)
_VIDEOS = (Value("train", "train_videos", group="videos"), Value("validation", "val_videos", group="videos"))

DEEP_ANALYSIS = (
    _layout(
        *("deep_analysis", "2", "strong models on full data sets", MODEL, PRETRAINING, FLOPS),
        *_top1("kinetics400", "ssv2", "mit"),
    ),
    _layout(
        *("deep_analysis", "3", "uniform and dense sampling on Kinetics-400", MODEL, PRETRAINING),
        *(Value(s, "top1", {"sampling": s}, "top-1 (%)") for s in ("uniform", "dense")),
    ),
    _layout(
        *("deep_analysis", "4", "transfer from Kinetics-400", MODEL),
        *_top1("ucf101", "hmdb51", "jester", "mini_ssv2"),
    ),
    Layout("deep_analysis", "5", "temporal aggregation without temporal pooling, top-1 (%)", _BY_BACKBONE),
    _layout(
        *("deep_analysis", "6", "number and position of TAMs in ResNet-18, without temporal pooling"),
        Label("TAMs", lambda number: number["setting"].partition(" ")[0], right=True),
        Label("places", lambda number: number["setting"].partition(" ")[2]),
        *_top1("mini_ssv2", "mini_kinetics"),
    ),
    _layout(
        *("deep_analysis", "7", "spatial contribution and temporal improvement", DATASET, Label("measure", "metric")),
        *_modules("", of=("i3d", "s3d", "tam"), beside="contribution"),
        note="For differences between printed and computed values, see suite reproduce --finding table_7.",
    ),
    _layout(
        *("deep_analysis", "8", "speed and memory", MODEL, TOP1, FLOPS),
        *(Value("throughput (clips/s)", "clips_per_second"), Value("largest batch", "max_batch")),
    ),
    _layout(
        *("deep_analysis", "9", "with and without ImageNet weights on Kinetics-400", MODEL),
        *(Value(NAMES[p], "top1", {"pretraining": p}, "top-1 (%), pretraining") for p in ("imagenet", "none")),
    ),
    Layout(
        *("deep_analysis", "10", "temporal aggregation without temporal pooling, top-1 (%) and cost"),
        (*_BY_BACKBONE, Section(_AGGREGATION_COST, "Cost", metrics=("gflops", "params_m"))),
        "The paper prints one cost for both data sets; the parameters of the runs are those on Mini-SSV2.",
    ),
    _layout("deep_analysis", "11", "the data sets", DATASET, *_VIDEOS, Value("classes", "classes")),
)


def _ablation(table: str, about: str, varied: str, prefix: str = "") -> Layout:
    return _layout("rcca3d", table, about, MODEL, Label(varied, setting(prefix)), *RELATIVE, TOP1)


_STATE_OF_THE_ART = (MODEL, *_top1("ucf101", "hmdb51", "kinetics400"))
_SPLITS = {"split1": "S1", "split2": "S2", "split3": "S3", "avg_splits": "mean"}
RCCA3D = (
    _ablation("1", "structures of the RCCA-3D block on UCF101", "structure", "structure "),
    _ablation("2", "position of the block", "place"),
    _ablation("3", "number R of CCA-3D modules in the block on UCF101", "R", "R="),
    _ablation("4", "ratio of channels inside the block to input channels", "share", "C_d="),
    Layout(
        *("rcca3d", "5", "RCCA-3D and non-local blocks in two networks"),
        _sections((MODEL, *RELATIVE, *_top1("ucf101", "hmdb51")), TSM=(1, 6), **{"MF-Net": (7, 12)}),
    ),
    _layout(
        *("rcca3d", "6", "TSM with non-local and RCCA-3D blocks, weights from Mini-Kinetics", MODEL),
        *_top1("mini_kinetics", "ucf101", "hmdb51"),
    ),
    _layout(
        *("rcca3d", "7", "TSM with and without RCCA-3D on Kinetics-400", MODEL),
        *(Value(head, "top1", {"views": v}, "top-1 (%)") for v, head in (("1x1", "1 crop"), ("1x10", "10 crops"))),
    ),
    _layout(
        *("rcca3d", "8", "fine-tuning, top-1 (%) by split", MODEL, PRETRAINING),
        *(
            Value(head, "top1", {"dataset": dataset, "split": split}, NAMES[dataset])
            for dataset in ("ucf101", "hmdb51")
            for split, head in _SPLITS.items()
        ),
    ),
    Layout(
        *("rcca3d", "9", "against published results"),
        _sections(_STATE_OF_THE_ART, Mean_over_three_splits=(1, 10), First_split=(11, 16), Row_not_known=(17, 26)),
    ),
)

_ATTENTION = (MODEL, FLOPS, PARAMS, *_top1("ssv1", "ssv2"))
_ON_KINETICS = (MODEL, *TIMES_VIEWS, TOP1, TOP5)
GTA = (
    Layout(
        *("gta", "1", "against non-local blocks"),
        _sections(_ATTENTION, **{"2-D backbone": (1, 8), "3-D backbone": (9, 16)}),
    ),
    _layout(
        *("gta", "2", "position and number of blocks"),
        *(Label(stage, blocks_at(stage), "blocks at", right=True) for stage in ("res3", "res4", "res5")),
        *(TOP1, TOP5),
    ),
    _layout("gta", "3", "spatial and temporal attention", MODEL, TOP1, GAIN),
    _layout(
        *("gta", "4", "number of channel groups", Label("groups", setting("G="), right=True)),
        *_top1("ssv1", "ssv2"),
    ),
    Layout(
        *("gta", "5", "comparison with published results on Kinetics-400"),
        _sections(_ON_KINETICS, **{"2-D networks": (1, 4), "3-D networks": (5, 9), "With NL and GTA": (10, 13)}),
    ),
    _layout(
        *("gta", "6", "comparison with published results on Something-Something, validation set"),
        *(
            MODEL,
            Label("backbone", host("{}+TSM")),
            PRETRAINING,
            FRAMES,
            VIEWS,
        ),
        *(
            Value(head, metric, {"dataset": dataset}, NAMES[dataset])
            for dataset in ("ssv1", "ssv2")
            for metric, head in (("top1", "top-1 (%)"), ("top5", "top-5 (%)"))
        ),
    ),
    _layout(
        *("gta", "7", "comparison with published results on Something-Something, test set"),
        *(MODEL, Label("backbone", host("{}+TSM")), FRAMES, *_top1("ssv1", "ssv2")),
    ),
)

_IN_TSM = Label("backbone", host("TSM-{}"))
_FULL = (MODEL, _IN_TSM, PRETRAINING, FRAMES, *TIMES_CLIPS, PARAMS, TOP1)
_BACKWARD = tuple(
    Label(head, lambda number, i=i: number["setting"].split(", ")[i])
    for i, head in enumerate(("interaction", "aggregation", "layer"))
)
ARC = (
    _layout(
        *("arc", "1", "training", DATASET, Value("weight decay", "weight_decay"), Value("batch", "batch_size")),
        *(Value("epochs", "epochs"), Value("initial lr", "initial_lr"), Value("dropout", "dropout")),
    ),
    Layout(
        *("arc", "2", "TSM with and without ARC"),
        _sections((MODEL, BACKBONE, FLOPS, PARAMS, TOP1, GAIN), SSV1=(1, 4), Diving48_V1=(5, 8)),
    ),
    Layout(
        *("arc", "3", "comparison with published results on Something-Something V1"),
        _sections(
            (*_FULL, TOP5),
            **{"Late fusion of a 2-D network": (1, 2), "Temporal modules": (3, 9)},
            **{"Spatio-temporal backbones": (10, 20)},
        ),
    ),
    _layout("arc", "4", "comparison with published results on Diving48 V1", *_FULL),
    _layout(
        *("arc", "5a", "components of the recursive unit"),
        *(Label(part, has(part)) for part in ("linear embedding", "backward attention", "adaptive fusion")),
        TOP1,
    ),
    _layout(
        *("arc", "5b", "number n of recursive steps"),
        Label("n", lambda number: number["setting"].removeprefix("n=").partition(" ")[0], right=True),
        *(FLOPS, PARAMS, TOP1),
    ),
    _layout(
        *("arc", "5c", "stages with ARC"),
        Label("stages", lambda number: "none" if "baseline" in number["setting"] else number["setting"]),
        *(FLOPS, PARAMS, TOP1),
    ),
    _layout("arc", "5d", "designs of the backward attention", *_BACKWARD, TOP1),
    _layout(
        *("arc", "6", "comparison with published results on Kinetics-400", MODEL, _IN_TSM, FRAMES, *TIMES_CLIPS, TOP1),
    ),
    Layout(
        *("arc", "7", "ARC with two temporal modules"),
        _sections(
            (
                *(MODEL, Label("backbone", lambda number: number["setting"].removeprefix(number["model"]).strip())),
                *(FLOPS, PARAMS, TOP1, GAIN),
            ),
            TSM=(1, 4),
            MSN=(5, 8),
        ),
    ),
    _layout(
        "arc", "8", "comparison with published results on Diving48 V2", MODEL, BACKBONE, *TIMES_CLIPS, FRAMES, TOP1
    ),
)

_BLOCKS = (
    Label("STBs", lambda number: number["setting"].split()[0], right=True),
    Label("TTBs", lambda number: number["setting"].split()[3], right=True),
)
CSTRANSFORMER = (
    _layout("cstransformer", "1a", "variants on Kinetics-400", MODEL, *_BLOCKS, FLOPS, TOP1),
    _layout(
        *("cstransformer", "1b", "position encoding on Kinetics-400"),
        *(Label(part, has(part)) for part in ("spatial", "temporal")),
        TOP1,
    ),
    _layout("cstransformer", "1c", "clip length on Kinetics-400", FRAMES, TOP1),
    _layout(
        *("cstransformer", "1d", "width of the temporal blocks' MLP on Kinetics-400"),
        *(MODEL, Label("expansion", setting(), right=True), FLOPS, TOP1),
    ),
    _layout("cstransformer", "2a", "views at test time on Kinetics-400", VIEWS, TOP1),
    _layout(
        *("cstransformer", "2b", "components of the cross-stage transformer on Kinetics-400"),
        *(Label(part, has(part)) for part in ("baseline", "CSSA", "FAM")),
        TOP1,
    ),
    _layout("cstransformer", "3", "comparison with published results on Kinetics-400", MODEL, TOP1, TOP5, VIEWS, FLOPS),
    _layout("cstransformer", "4", "comparison with published results on Kinetics-600", MODEL, TOP1, TOP5, VIEWS, FLOPS),
    _layout(
        *("cstransformer", "5", "sizes of the variants", MODEL),
        *(Value("STBs", "n_stb"), Value("TTBs", "n_ttb"), Value("embedding", "embedding_size")),
        *(Value("STB", "mlp_stb", group="MLP"), Value("TTB", "mlp_ttb", group="MLP"), Value("heads", "heads")),
    ),
)

LAYOUTS: tuple[Layout, ...] = (*DEEP_ANALYSIS, *RCCA3D, *GTA, *ARC, *CSTRANSFORMER)
