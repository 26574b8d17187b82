"""The tests of a finished run, by test id: those it was made with, and further ones that were made later.

result.json holds the first clip-level test and, where the protocol has one, the first video-level test; any other lies
in eval/<test id>/ of the run's folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.spec import BadInput
from suite.store.folder import RunFolder, intact
from suite.store.identity import SCHEME, EvaluationSpec, RunSpec
from suite.store.shapes import is_result

ACCURACIES = (
    "n",
    "top1",
    "top5",
    "per_class",
    "pair_top1",
    "distinct_views",
    "video",
)  # of a result: what a test gives


@dataclass(frozen=True)
class StoredTest:
    """One test: its accuracies, its predictions, and eval.json of a further test (None of a first one)."""

    accuracies: dict[str, Any]
    predictions: Path
    facts: dict[str, Any] | None = None


def test_folder(folder: RunFolder, evaluation: EvaluationSpec) -> Path:
    """The folder of a further test, one that was made after training."""
    return folder.path / "eval" / evaluation.id


def stored_test(folder: RunFolder, evaluation: EvaluationSpec) -> StoredTest | None:
    """A test of a finished run; None where it was not made.  Raises BadInput where its files are damaged."""
    result, own = folder.result(), folder.spec()
    if result is None:
        return None
    if evaluation.id == own.evaluation().id:
        return StoredTest(_accuracies(result), folder.predictions)
    video = own.video_evaluation()
    if video and evaluation.id == video.id and isinstance(result.get("video"), dict):
        return StoredTest(_accuracies(result["video"]), folder.video_predictions)
    place = test_folder(folder, evaluation)
    try:
        found = json.loads((place / "eval.json").read_text())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and not intact(found):
        raise BadInput(f"{place / 'eval.json'} was changed after it was written; restore it, or remove its folder.")
    if tested_as(found) == evaluation.id and found.get("run") == folder.id and "top1" in found:
        return StoredTest(_accuracies(found), place / "predictions.parquet", found)
    raise BadInput(f"{place / 'eval.json'} belongs to another test than this one of {folder.id}; remove its folder.")


def tested_as(facts: Any) -> str | None:
    """The test id of what an eval.json holds; None where it has not the shape of one."""
    try:
        if is_result(facts) and isinstance(facts["model"], str):
            return EvaluationSpec.from_facts(facts).id
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    return None


def planned_tests(folder: RunFolder, spec: RunSpec) -> list[StoredTest] | None:
    """The tests that `spec` plans of a finished run: at clip level, then at video level where it has one.

    None while the run is not finished, or a test is missing, one with further views too.  Raises BadInput where files
    were changed.
    """
    result = folder.result()
    if result is None:
        return None
    own = folder.spec()
    if own.scheme == SCHEME and result.get("spec_sha256") not in (None, folder.spec_sha256()):
        raise BadInput(
            f"{folder.spec_file} was changed after the run was tested; restore it, or move the run's folder away."
        )
    tests = {test.id: stored_test(folder, test) for test in spec.evaluations()}
    levels = [tests[test.id] for test in (spec.evaluation(), spec.video_evaluation()) if test]
    return None if None in tests.values() else levels


def result_of(folder: RunFolder, spec: RunSpec) -> dict[str, Any] | None:
    """What training gave, with the accuracies of the tests that `spec` plans; None while one of them is missing."""
    tests = planned_tests(folder, spec)
    if tests is None:
        return None
    result, own = folder.result() or {}, folder.spec()
    if (spec.evaluation(), spec.video_evaluation()) == (own.evaluation(), own.video_evaluation()):
        return result
    found = {key: value for key, value in result.items() if key not in ACCURACIES} | tests[0].accuracies
    return found | ({"video": tests[1].accuracies} if len(tests) > 1 else {})


def predictions_of(folder: RunFolder, spec: RunSpec) -> tuple[Path, Path | None]:
    """The predictions of the clip-level test that `spec` plans, and of the video-level one.

    Raises BadInput where one of them was not made.
    """
    tests = planned_tests(folder, spec)
    if tests is None:
        raise BadInput(f"The run {folder.id} lacks a test that is planned for it.")
    return tests[0].predictions, tests[1].predictions if len(tests) > 1 else None


def _accuracies(stored: dict[str, Any]) -> dict[str, Any]:
    return {key: stored[key] for key in ACCURACIES if key in stored and key != "video"}
