"""The grade of each factor: does a difference in it confound a comparison, or is it a minor difference?

A factor is minor only where a difference is expected to change results no more than another seed does, and where no
paper would call it a part of the method or its training.  Everything else that differs explains a result as well as
what is under study does: it confounds.  `suite factors` prints this table.
"""

from __future__ import annotations

from dataclasses import dataclass

CONFOUND, MINOR = "confound", "minor"


@dataclass(frozen=True)
class Grade:
    """`grade` is CONFOUND or MINOR; `known` is one sentence on what is known of the effect of a difference."""

    grade: str
    known: str


def _confound(known: str) -> Grade:
    return Grade(CONFOUND, known)


def _minor(known: str) -> Grade:
    return Grade(MINOR, known)


GRADES: dict[str, Grade] = {
    "dataset": _confound("Accuracies on different data sets are not comparable."),
    "split": _confound("Splits differ in videos and difficulty."),
    "data": _confound("Other training or test videos change the accuracy; how much was not measured."),
    "missing": _confound("Missing test videos change the denominator, missing training videos the training."),
    "leakage": _confound("Accuracy on test videos that were used for training is too high."),
    "module": _confound("This is what most comparisons study."),
    "ensemble": _confound("Averaging several models raises the accuracy and adds up their costs."),
    "backbone": _confound("In the 288 published runs backbones differ by several points under one module."),
    "pooling": _confound("In the 288 published runs temporal pooling changes the mean Ψ of every module."),
    "frames": _confound("More frames show the network more of the video."),
    "test_frames": _confound("`suite eval RUN --frames` measures the effect for a given run."),
    "pretraining": _confound("Pretrained weights have been trained on more data."),
    "weights": _confound("Different weight files are different initial weights, even under one name."),
    "inflation": _confound("The inflation rule determines the initial temporal filters."),
    "normalisation": _confound("It belongs to the pretrained weights; another one shifts the inputs they expect."),
    "sampling": _confound("Uniform and dense sampling show different parts of a video."),
    "test_sampling": _confound("Uniform and dense test clips show different parts of a video."),
    "held_out": _confound("Held-out videos are not trained on."),
    "resolution": _confound("Accuracy and cost grow with the resolution."),
    "augmentation": _confound("For example, a random flip makes classes such as left and right indistinguishable."),
    "optimiser": _confound("Momentum, weight decay and gradient clipping change the trained weights."),
    "schedule": _confound("Learning rate and epochs change the trained weights."),
    "chain": _confound("Earlier stages also train the weights."),
    "chain_frames": _confound("Training at other frame counts changes the initial weights of this stage."),
    "epochs_seen": _confound(
        "More epochs mean more training; control runs (epoch_matched) separate frames from epochs."
    ),
    "batch": _confound("The batch sets the gradient noise and the number of updates per epoch."),
    "batch_norm": _confound("Batch statistics of fewer clips are noisier; it is not a detail of the implementation."),
    "sync_bn": _confound("It changes how many clips the batch statistics are taken over."),
    "dropout": _confound("Dropout is part of the regularisation."),
    "precision": _confound("The effect of bf16 was not measured here, so it is not assumed to be small."),
    "selection": _confound("The best epoch on the reported split is optimistic."),
    "tuning": _confound("A model that was tuned alone has an advantage over the others."),
    "seed": _confound("Runs of one seed share initialisation and clip order; a different seed may have been selected."),
    "views": _confound("More views per video raise the accuracy and multiply the cost."),
    "test_crop": _confound("A larger test crop changes accuracy and cost."),
    "fusion": _confound("Logits and probabilities can rank classes differently."),
    "step_batch": _minor(
        "The gradient of a batch is the same sum, up to rounding, however it is split into steps; what the split does "
        "to batch statistics is the factor batch_norm, which confounds."
    ),
    "compile": _minor(
        "torch.compile runs the same network with other kernels, which round differently; the effect on accuracy was "
        "not measured here."
    ),
    "decoder": _minor(
        "On the H.264 and VP9 files of the tests decord and PyAV return the same frames, to within 3 of 255 levels per "
        "pixel; other files were not compared."
    ),
    "code_train": _minor(
        "The hash changes with any edit of the training code; the effect on accuracy is known only after retraining."
    ),
    "code_test": _minor(
        "The hash changes with any edit of the test code; `suite verify` shows whether predictions changed."
    ),
    "packages": _minor("Other kernels round differently; the size of the effect on accuracy was not measured here."),
    "device": _minor(
        "On one CPU type and thread count, results are bit-identical; with another thread count, bits differ; on CUDA, "
        "results agree up to rounding only."
    ),
}


def grade_of(factor: str) -> str:
    """CONFOUND or MINOR; a factor without an entry confounds, as nothing is known of it."""
    return GRADES[factor].grade if factor in GRADES else CONFOUND


def known_of(factor: str) -> str:
    """What is known of the effect of a difference in a factor."""
    return GRADES[factor].known if factor in GRADES else "Its effect is unknown."
