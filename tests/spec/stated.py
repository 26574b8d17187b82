"""Which statement of a paper (`results/published/stated_settings.yaml`) each key of a protocol file rests on."""

MINI = {
    "init": "mini_datasets_table12.frames_8.init",
    "size": ("mini_datasets_table12.augmentation", {"multi-scale augmentation and the same random 224x224": 224}),
    "batch": "mini_datasets_table12.batch_size",
    "lr": "mini_datasets_table12.base_lr",
    "momentum": "mini_datasets_table12.momentum",
    "weight_decay": "mini_datasets_table12.weight_decay",
    "schedule": "mini_datasets_table12.frames_8.schedule",
    "gamma": "mini_datasets_table12.lr_gamma",
    "inflate": ("common.init_rule", {"I3D and S3D inflate 2D weights by copying along time": "repeat"}),
    "sampling.rule": ("common.default_eval", {"clip-level top-1, uniform sampling": "uniform"}),
    "evaluation.crop_rule": ("mini_datasets_table12.eval_clip_level.resize_short_side", {"224": "short_side"}),
    "evaluation.crops": ("mini_datasets_table12.eval_clip_level.crop", {"center 224x224": 1}),
    "evaluation.clips": ("mini_datasets_table12.eval_clip_level.uniform", {"middle frame of each segment": 1}),
    "evaluation.video_clips": "mini_datasets_table12.eval_video_level.m",
    "chained.schedule": "mini_datasets_table12.frames_16.schedule",
    "sampling.variant": (
        "mini_datasets_table12.sampling_train",
        {"temporal jittering (uniform segments, random frame per segment": "segment"},
    ),
    "augmentation.scales": ("mini_datasets_table12.augmentation", {"multi-scale": [1.0, 0.875, 0.75, 0.66]}),
}
FULL = "full_datasets_D2"
STATED = {
    ("mini_ssv2", "deep_analysis"): MINI
    | {
        "epochs": "mini_datasets_table12.frames_8.epochs.default",
        "chained.epochs": "mini_datasets_table12.frames_16.epochs.default",
        "chained.milestones": "mini_datasets_table12.milestones.35_epochs",
    },
    ("mini_kinetics", "deep_analysis"): MINI
    | {
        "epochs": "mini_datasets_table12.frames_8.epochs.mini-kinetics",
        "chained.epochs": "mini_datasets_table12.frames_16.epochs.mini-kinetics",
        "chained.milestones": "mini_datasets_table12.milestones.45_epochs",
    },
    ("deep_analysis_full", "deep_analysis"): {
        "init": (f"{FULL}.init", {"imagenet": "imagenet"}),
        "inflate": MINI["inflate"],
        "size": (f"{FULL}.crop", {"random 224x224": 224}),
        "epochs": f"{FULL}.epochs",
        "batch": f"{FULL}.batch_size",
        "step_batch": (f"{FULL}.batch_norm", {"statistics over the 8 samples of one GPU": 8}),
        "lr": f"{FULL}.warmup.to_lr",
        "momentum": f"{FULL}.momentum",
        "weight_decay": f"{FULL}.weight_decay",
        "schedule": (f"{FULL}.schedule", {"half-period cosine": "cosine"}),
        "warmup_epochs": f"{FULL}.warmup.epochs",
        "sampling.rule": (f"{FULL}.sampling_train", {"dense": "dense"}),
        "sampling.stride": (f"{FULL}.frames", {"32": 2}),  # of 64
        "augmentation.crop": (f"{FULL}.resize", {"short side random in": "short_side"}),
        "augmentation.short_side": (f"{FULL}.resize", {"short side random in [256, 320]": [256, 320]}),
        "evaluation.clips": (f"{FULL}.eval.kinetics400", {"10x3": 10}),
        "evaluation.crops": (f"{FULL}.eval.kinetics400", {"10x3": 3}),
        "evaluation.size": f"{FULL}.eval.resize_short_side",
        "evaluation.fusion": (f"{FULL}.eval.fusion", {"average over predictions": "softmax"}),
    },
    ("deep_analysis_transfer", "deep_analysis"): {
        "init": "transfer_D3.init",
        "inflate": MINI["inflate"],
        "size": MINI["size"],
        "epochs": "transfer_D3.epochs",
        "batch": "transfer_D3.batch_size",
        "sync_bn": ("transfer_D3.batch_norm", {"synchronized, 6 GPUs": True}),
        "lr": "transfer_D3.base_lr",
        "schedule": "transfer_D3.schedule",
        "momentum": MINI["momentum"],
        "weight_decay": MINI["weight_decay"],
        "sampling.rule": MINI["sampling.rule"],
        "augmentation.scales": MINI["augmentation.scales"],
    },
}
RCCA = {
    "size": ("common.augmentation", {"random scaling, random flip, resize to 224x224": 224}),
    "batch": "common.effective_batch",
    "step_batch": "common.batch_size",
    "momentum": "common.momentum",
    "schedule": ("common.accumulation", {"update once per 8 batches": "multistep"}),
    "augmentation.flip": ("common.augmentation", {"random scaling, random flip": "blind"}),
    "evaluation.crops": ("common.test_crops", {"1 crop or 10 crops per clip; 10 by default": 10}),
    "evaluation.fusion": ("common.metric", {"video-level top-1, average of the clip predictions": "logits"}),
}
for network in ("tsm", "mfnet"):
    of_network = {"epochs": "epochs", "lr": "base_lr", "weight_decay": "weight_decay", "milestones": "milestones"}
    of_network |= {"gamma": "lr_gamma", "sampling.rule": "sampling"}
    STATED[f"rcca3d_{network}", "rcca3d"] = RCCA | {key: f"{network}.{path}" for key, path in of_network.items()}
STATED["rcca3d_tsm", "rcca3d"] |= {"init": ("common.init", {"ImageNet-1k backbone": "imagenet"})}
STATED["rcca3d_mfnet", "rcca3d"] |= {
    "init": ("common.init", {"ImageNet-1k backbone": "mfnet:MFNet2D_ImageNet1k-0000.pth"})
}
THREE_D = {
    "size": ("kinetics_3d.crop", {"random 224x224": 224}),
    "augmentation.crop": ("kinetics_3d.train_resize", {"short side random in": "short_side"}),
    "augmentation.short_side": ("kinetics_3d.train_resize", {"short side random in [256, 340]": [256, 340]}),
}
STATED |= {
    ("gta_something", "gta"): {
        "init": ("something_2d.init", {"imagenet backbone": "imagenet"}),
        "size": ("something_2d.crop", {"multi-scale cropping then resize to 224x224": 224}),
        "epochs": "something_2d.epochs",
        "batch": "something_2d.batch_size",
        "lr": "something_2d.base_lr",
        "schedule": ("something_2d.milestones", {"[30, 40, 45]": "multistep"}),
        "milestones": "something_2d.milestones",
        "gamma": "something_2d.lr_gamma",
        "warmup_epochs": "something_2d.warmup.epochs",
        "sampling.rule": ("something_2d.sampling", {"uniform": "uniform"}),
        "augmentation.crop": ("something_2d.crop", {"multi-scale cropping": "multi_scale"}),
        "augmentation.picture": "something_2d.resize",
        "augmentation.scales": ("something_2d.crop", {"multi-scale cropping": [1.0, 0.875, 0.75, 0.66]}),
        "augmentation.flip": (
            "something_2d.flip",
            {"random horizontal, not for labels containing left or right": "skip_sided"},
        ),
        "evaluation.clips": ("something_2d.eval.views", {"1x1": 1}),
        "evaluation.crops": ("something_2d.eval.views", {"1x1": 1}),
        "evaluation.crop_rule": ("something_2d.eval.resize", {"240x320": "fixed_240x320"}),
    },
    ("gta_something_3d", "gta"): {
        "init": ("something_3d.init", {"kinetics400": "pytorchvideo:SLOWFAST_8x8_R50.pyth"}),
        "size": ("something_3d.crop", {"random 224x224": 224}),
        "augmentation.crop": ("something_3d.train_resize", {"short side random in": "short_side"}),
        "augmentation.short_side": ("something_3d.train_resize", {"short side random in [256, 340]": [256, 340]}),
        "evaluation.clips": ("something_3d.eval.views", {"1x1": 1}),
        "evaluation.crops": ("something_3d.eval.views", {"1x1": 1}),
        "evaluation.size": ("something_3d.eval.crop", {"center 224": None}),  # the training size
    },
    ("gta_kinetics", "gta"): THREE_D
    | {
        "init": ("kinetics_3d.init", {"from scratch": "scratch"}),
        "epochs": "kinetics_3d.epochs",
        "batch": "kinetics_3d.batch_size",
        "lr": "kinetics_3d.base_lr",
        "schedule": "kinetics_3d.schedule",
        "sampling.stride": ("kinetics_3d.frames.fast", {"32": 2}),
        "evaluation.clips": ("kinetics_3d.eval.views", {"10x3": 10}),
        "evaluation.crops": ("kinetics_3d.eval.views", {"10x3": 3}),
        "evaluation.size": ("kinetics_3d.eval.crop", {"256x256": 256}),
    },
    ("gta_kinetics_2d", "gta"): {
        "evaluation.clips": ("kinetics_2d.eval_views", {"10x3": 10}),
        "evaluation.crops": ("kinetics_2d.eval_views", {"10x3": 3}),
        "evaluation.size": "kinetics_2d.eval_crop",
    },
}
ARC = {
    "init": "common.init",
    "size": ("common.train_crop", {"random scaling and cropping to 224x224": 224}),
    "lr": "common.base_lr",
    "dropout": "common.dropout",
    "sampling.rule": ("common.sampling", {"sparse": "uniform"}),
}
OF_240X320 = {
    "augmentation.picture": "frame_size",
    "evaluation.crop_rule": ("frame_size", {"240x320": "fixed_240x320"}),
}
for name, section in (("arc_ssv1", "ssv1"), ("arc_diving48", "diving48"), ("arc_kinetics", "kinetics400")):
    of_data = {"epochs": "epochs", "batch": "batch_size", "weight_decay": "weight_decay", "schedule": "schedule"}
    of_data |= {"warmup_epochs": "warmup_epochs"} if section == "diving48" else {"milestones": "milestones"}
    of_data |= {} if section == "diving48" else {"gamma": "lr_gamma"}
    of_data |= {} if section == "kinetics400" else OF_240X320
    views = {"ssv1": {"1 clip": 1}, "diving48": {"2 clips": 2}, "kinetics400": {"30 clips": 30}}[section]
    of_data |= {"evaluation.clips": ("views", views)}
    flip = "skip_sided" if section == "ssv1" else "blind"
    STATED[name, "arc"] = (
        ARC
        | {"augmentation.flip": ("common.flip", {"random horizontal; selective in Something-Something V1": flip})}
        | {
            key: f"{section}.{path}" if isinstance(path, str) else (f"{section}.{path[0]}", path[1])
            for key, path in of_data.items()
        }
    )
SCALE = "colour normalisation, random scale jitter [256, 320], uniform crop of three 224x224 positions"
STATED["cstransformer", "cstransformer"] = {
    "init": ("init", {"ImageNet-21K": "timm:vit_base_patch16_224.augreg_in21k.pth"}),
    "size": ("augmentation", {SCALE: 224}),
    "epochs": "epochs",
    "lr": "base_lr",
    "momentum": "momentum",
    "weight_decay": "weight_decay",
    "schedule": ("milestones", {"[5, 14, 16]": "multistep"}),
    "milestones": "milestones",
    "gamma": "lr_gamma",
    "sampling.rule": ("sampling", {"dense": "dense"}),
    "sampling.stride": ("frames.8", {"stride 32": 32}),
    "sampling.dense_clip": ("eval.clip", {"middle of the video": "middle"}),
    "augmentation.crop": ("augmentation", {SCALE: "diagonal"}),
    "augmentation.short_side": ("augmentation", {SCALE: [256, 320]}),
    "evaluation.clips": ("eval.default_views", {"1x3": 1}),
    "evaluation.crops": ("eval.default_views", {"1x3": 3}),
    "evaluation.crop_rule": ("augmentation", {SCALE: "diagonal"}),
    "evaluation.fusion": ("eval.fusion", {"average of softmax scores": "softmax"}),
}
STATED = {name: (paper, keys) for (name, paper), keys in STATED.items()}

# What is stated of training and tests, and is no key of a protocol: hardware, the networks, the data, other grids.
ELSEWHERE = {
    "deep_analysis": r"common\.(?!init_rule|default_eval).*|speed_table8.*|.*\.(datasets|optimiser)(\..*)?"
    r"|mini_datasets_table12\.(batch_size_large_models|frames_(16|32|64)\.(init|schedule|epochs.*)"
    r"|eval_(clip|video)_level\.(uniform|dense))"
    rf"|{FULL}\.(eval\.(mit|ssv2|crop)|eval_uniform_table3|warmup\.(from_lr|shape))|transfer_D3\.note",
    "rcca3d": r"common\.(optimiser|gamma_init|gpus|module_default.*|non_local_positions_5)"
    r"|(tsm|mfnet)\.(frames|shift_proportion|note)",
    "gta": r"ensemble|.*\.(backbone|frames(\..*)?|schedule|other)|something_2d\.(modules.*|group_count|warmup\.shape"
    r"|eval\.crop)",
    "arc": r"note|common\.(backbone|augmented_layers|recursive_steps|optimiser)|.*\.frames|kinetics400\.short_side",
    "cstransformer": r"backbone|patch|embedding|heads|mlp_.*|variants.*|frames\.(16|32)|optimiser|gpus"
    r"|eval\.other_views",
}
