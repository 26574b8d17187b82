"""data: make a folder of videos a data set, check and compare data sets, generate the calibration data sets."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from suite.commands.options import DATA_SETS, Data, Json, app, data_root, examples, group, log, print_json, show
from suite.spec import BadInput, printable
from suite.spec.spreadsheets import escape_formula

LISTED = 5  # ids that a line names
STOPPING = {  # what `data check` lists and a sweep refuses
    "missing": "videos are missing",
    "undecodable": "videos cannot be decoded",
    "leakage": "validation videos are training videos too",
    "changed": "videos have changed since the last full check",
}
DOUBTFUL = {  # what it lists and a sweep takes
    "damaged": "videos have damaged frames",
    "classes_without": "classes lack training or test videos",
}
PROGRESS_SECONDS = 10.0

data_app = group(
    "Add, check and compare data sets; generate synthetic ones.",
    examples("suite data add gestures --root /data/gestures", "suite data check mini_ssv2 --data /data"),
)
app.add_typer(data_app, name="data", rich_help_panel=DATA_SETS)


@data_app.command(
    "synthesize",
    epilog=examples(
        "suite data synthesize  all three, level easy, into ./data",
        "suite data synthesize calib_order@level=hard --data /data",
    ),
)
def synthesize_command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Calibration data sets (default: all three, level easy)."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            "--data", "--root", metavar="DIR", help="Folder to write into (default: $SUITE_DATA, else ./data)."
        ),
    ] = None,
) -> None:
    """Generate the synthetic calibration data sets.

    Writes real video files in the layout of Something-Something V2.
    """
    from suite.data.synthetic import synthesize

    for name in names or ["calib_order", "calib_scene", "calib_mixed"]:
        show(str(synthesize(name, data_root(root))))


@data_app.command(
    "add",
    epilog=examples(
        "suite data add gestures --root /data/gestures  a folder per class, or annotations of a known format",
        "suite data add ours --root /data/ours --format mmaction2",
    ),
)
def add_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new data set: small letters, digits, _.")],
    root: Annotated[Path, typer.Option(metavar="DIR", help="Folder with its videos and annotations.")],
    format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="Format of the annotations (default: guessed; see docs/data.md)."),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a folder of videos a data set.

    Looks at the folder, guesses how its videos are annotated, and writes experiments/datasets/NAME.yaml, which you may
    edit. Videos are not copied.
    """
    from suite.data.adding import TITLES, add_dataset
    from suite.program import command

    found = add_dataset(name, root, format, data_root(data))
    if as_json:
        facts = {"dataset": found.dataset, "format": found.format, "classes": len(found.classes)}
        counts = {"train": found.train, "val": found.val, "divisions": found.divisions}
        print_json(facts | counts | {"file": str(found.file)})
        return
    some = ", ".join(found.classes[:LISTED]) + (", ..." if len(found.classes) > LISTED else "")
    show(f"Recognised {TITLES[found.format]}: {len(found.classes)} classes ({some}).")
    show(f"{found.train} training and {found.val} validation videos. Wrote {found.file}.")
    for remark in found.remarks:
        show(f"Note: {remark}")
    if found.divisions > 1:
        others = ", ".join(f"{name}@split={number}" for number in range(2, found.divisions + 1))
        show(f"Found {found.divisions} official splits: {name} is split 1; the others are {others}.")
    show(f"Check its videos: {command(f'data check {name}')}")
    show(f'First look, 32 x 32 pixels: make sweep GRID=demo ARGS="--data-set {name}"')
    show("For real training, copy a grid such as experiments/mini_ssv2.yaml, with its protocol (docs/data.md).")


@data_app.command(
    "check",
    epilog=examples(
        "suite data check calib_order",
        "suite data check mini_ssv2 --data /data --full --csv problems.csv  also decode and hash every file",
    ),
)
def check_command(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Name of the data set, e.g. mini_ssv2.")],
    data: Data = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="Also decode every frame, hash whole files and compare with the last full check."),
    ] = False,
    frames: Annotated[
        int, typer.Option(metavar="N", min=1, help="Count the videos with fewer frames than a clip of N.")
    ] = 8,
    report: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a line per problem: split, id, path, problem.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that all videos of a data set are usable.

    Counts the videos of each split and lists those that are missing, undecodable or in both splits, and the classes
    without training or test videos; exit code 1 if there are any. Prints the SHA-256 of the manifest. An interrupted
    full check continues where it stopped.
    """
    from suite.data.check import check

    found = check(dataset, data_root(data), full, frames, _progress())
    problems = found.pop("problems")
    if report is not None:
        _write_csv(report, problems)
    if as_json:
        print_json(found)
    else:
        for key, value in found.items():
            if key == "refused":
                continue  # the verdict has it
            show(f"{key}: {printable(str(_shown(key, value)))}")
        show(printable(_verdict(found)))
    if found["refused"] or any(found.get(key) for key in (*STOPPING, *DOUBTFUL)):
        raise typer.Exit(1)


@data_app.command(
    "diff",
    epilog=examples(
        "suite data diff mini_ssv2 ssv2",
        "suite data diff hmdb51 hmdb51@split=2 --data /data",
    ),
)
def diff_command(
    first: Annotated[str, typer.Argument(metavar="A", help="Name of a data set.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Name of another.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show what two data sets share.

    Compares class names and videos, by id and by content: data sets of one name may differ, and those of two names may
    overlap. Exit code 1 if a video has one class in A and another in B.
    """
    from suite.data.difference import difference

    found = difference(first, second, data_root(data))
    if as_json:
        print_json(found)
    else:
        classes = found["classes"]
        for key, what in (("shared", "Classes of both"), ("only_a", "Classes of A alone"), ("only_b", "Of B alone")):
            show(f"{what}: {printable(str(_shown(key, classes[key])))}")
        if classes["shared"] and not classes["same_numbers"]:
            show("The classes have other numbers in B.")
        for row in found["splits"]:
            sides = [f"{row[side]} of {side.upper()} ({row[f'videos_{side}']} videos)" for side in "ab"]
            shared = f"{row['same_id']} of A have the id of one of B, {row['same_content']} have the same content"
            show(f"Split {sides[0]} and split {sides[1]}: {shared}.")
        if found["labels"]:
            show(f"Another class in B: {printable(str(_shown('labels', found['labels'])))}")
    if found["labels"]:
        raise typer.Exit(1)


def _progress() -> Callable[[int, int], None]:
    """Says on standard error, now and then, how many videos are decoded."""
    last = time.monotonic()

    def told(done: int, of: int) -> None:
        nonlocal last
        if time.monotonic() - last > PROGRESS_SECONDS:
            last = time.monotonic()
            log(f"{done:,} of {of:,} videos decoded")

    return told


def _write_csv(file: Path, problems: list[dict[str, str]]) -> None:
    """Values that a spreadsheet would take for formulas begin with an apostrophe, as in all our CSV files."""
    try:
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(("split", "id", "path", "problem"))
            writer.writerows([escape_formula(value) for value in problem.values()] for problem in problems)
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}.") from None


def _verdict(found: dict[str, Any]) -> str:
    """What the numbers of a check mean, in a sentence."""
    wrong = [f"{len(found[key])} {words}" for key, words in STOPPING.items() if found.get(key)]
    wrong += [found["refused"]] if found["refused"] else []
    if wrong:
        return f"A sweep on {found['dataset']} would stop: {'; '.join(wrong)}."
    doubtful = [f"{len(found[key])} {words}" for key, words in DOUBTFUL.items() if found.get(key)]
    but = f"; but {'; '.join(doubtful)}" if doubtful else ""
    return f"A sweep on {found['dataset']} can start: {found['train']} training and {found['val']} test videos{but}."


def _shown(key: str, value: Any) -> Any:
    """A value for a person: lists of ids as their number and the first of them."""
    if key == "changed" and value is None:
        return "not known, there was no earlier full check"
    if key == "notes":
        return " ".join(value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{part} {inner}" for part, inner in value.items())
    if not isinstance(value, list):
        return value
    some = ", ".join(value[:LISTED]) + (", ..." if len(value) > LISTED else "")
    return f"{len(value)} ({some})" if value else 0
