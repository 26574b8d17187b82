"""A run's folder: what is in it, which state it is in, and writing so that a kill never leaves half a file."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from suite.models.user_code import RULES, is_factory
from suite.spec import BadInput, unpacked_archive
from suite.store.atomic import write_atomic
from suite.store.claims.claim import NAME, Claim, read_claim
from suite.store.claims.held import CANCEL, Held, held, read_progress
from suite.store.claims.silence import looks_gone
from suite.store.fast_yaml import read_plain_yaml
from suite.store.identity import RunSpec, digest
from suite.store.shapes import is_provenance, is_result


def dump_json(data: Any) -> str:
    return json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n"


def sealed(result: dict[str, Any]) -> dict[str, Any]:
    """A result with a checksum of itself, so that an edit by hand is noticed; an earlier one is left out."""
    content = {key: value for key, value in result.items() if key != "checksum"}
    return content | {"checksum": digest(content, 64)}


def intact(result: dict[str, Any]) -> bool:
    """Whether a result is as `sealed` wrote it.

    One without a checksum counts as intact where an early version wrote it, which did not list the parts of manifests.
    """
    if "checksum" not in result:
        return "manifest_parts" not in result
    return result["checksum"] == digest({key: value for key, value in result.items() if key != "checksum"}, 64)


class RunFolder:
    """`results/<grid>/runs/<run_id>/`.  `result.json` is written last: where it is, the run is done."""

    def __init__(self, path: Path):
        self.path = Path(path)
        self.id = self.path.name
        self.spec_file = self.path / "spec.yaml"
        self.checkpoint = self.path / "checkpoint.pt"
        self.history = self.path / "history.jsonl"
        self.log = self.path / "log.txt"
        self.predictions = self.path / "predictions.parquet"
        self.video_predictions = self.path / "predictions_video.parquet"
        self.provenance = self.path / "provenance.json"
        self.result_file = self.path / "result.json"
        self.error_file = self.path / "error.json"
        self.claim_file = self.path / NAME
        self.held: Held | None = None  # the claim of this process, while it works on the run

    def create(self, spec: RunSpec, anew: bool = False) -> None:
        """Makes the folder with its spec.yaml; one that is there stays, unless it is to be written anew."""
        self.path.mkdir(parents=True, exist_ok=True)
        if anew or not self.spec_file.exists():
            self.write(self.spec_file, yaml.safe_dump(spec.resolved(), sort_keys=False))

    def spec(self) -> RunSpec:
        """What spec.yaml holds.  Raises BadInput when it is missing, damaged, or not what the run's id stands for."""
        if not self.spec_file.is_file():
            raise BadInput(f"{self.path} is not a run folder: it has no spec.yaml.")
        spec = spec_of(self._spec_content(), str(self._damaged(self.spec_file)))
        if is_factory(spec.model) and (archive := unpacked_archive(self.path)):
            RULES.named_by_others(spec.model, f"the archive unpacked in {archive}")
        if spec.id != self.id:
            raise BadInput(
                f"{self.spec_file} was changed: its configuration has the id {spec.id}; restore the file, or move the "
                "run's folder away."
            )
        return spec

    def _spec_content(self) -> Any:
        """What spec.yaml holds, parsed once for as long as the file stays as it is; None when it is no YAML."""
        found = self.spec_file.stat()
        return _parsed(self.spec_file, found.st_mtime_ns, found.st_size, found.st_ino)

    def spec_sha256(self) -> str:
        """Of what spec.yaml holds, its tests included: a finished run's result keeps it."""
        return digest(self._spec_content(), 64)

    def result(self) -> dict[str, Any] | None:
        result = _read_json(self.result_file)
        if result is not None and (not isinstance(result, dict) or result.get("id") != self.id):
            raise BadInput(f"{self.result_file} is not the result of this run; move its folder away to run it again.")
        if result is not None and not is_result(result):
            raise self._damaged(self.result_file)
        if result is not None and not intact(result):
            raise BadInput(
                f"{self.result_file} was changed after it was written; restore it, or move the run's folder away."
            )
        return result

    def read_provenance(self) -> dict[str, Any]:
        """What provenance.json holds; {} where there is none.  Raises BadInput when it is damaged or was edited."""
        try:
            found = json.loads(self.provenance.read_text())
            if is_provenance(found):
                if "checksum" in found and not intact(found):
                    changed = f"{self.provenance} was changed after it was written"
                    raise BadInput(f"{changed}; restore it, or move the run's folder away.")
                return found
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError):
            pass
        raise BadInput(f"{self.provenance} is damaged; remove it, or move the run's folder away.")

    def error(self) -> dict[str, Any] | None:
        error = _read_json(self.error_file)
        if error is not None and not (isinstance(error, dict) and isinstance(error.get("error"), str)):
            raise BadInput(f"{self.error_file} is damaged; remove it to run again.")
        return error

    def state(self) -> str:
        """done, failed, running, queued, lost or todo; `blocked` is known to the plan only."""
        return "done" if self.result_file.exists() else self.state_of_test()

    def state_of_test(self) -> str:
        """The state of a run that is not done, or of a further test of a finished one.

        lost: claimed by a process that is gone.
        """
        if claim := self.claim():
            return "lost" if looks_gone(self.claim_file, claim) else claim.state
        return "failed" if self.error_file.exists() else "todo"

    def write(self, path: Path, content: str | bytes) -> None:
        """One of its files, atomically."""
        write_atomic(path, content)

    def clear_error(self) -> None:
        with contextlib.suppress(OSError):  # of a disk that is read-only
            self.error_file.unlink()

    def finish(self, result: dict[str, Any]) -> None:
        """Writes result.json.  Raises ClaimLost where another process has the run by now."""
        self.require_claim()
        self.write(self.result_file, dump_json(sealed(result)))
        (self.path / CANCEL).unlink(missing_ok=True)

    def fail(self, message: str, kind: str) -> None:
        """Records why a run stopped; `kind` is input (no use to try again), error, crash or disk."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.write(self.error_file, dump_json({"error": message, "kind": kind}))

    def add_log(self, message: str) -> None:
        """One line into the run's log."""
        with open(self.log, "a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {message}\n")

    def keep_history(self, epochs: int) -> None:
        """Drops the lines of epochs that will be run again."""
        if self.history.exists():
            lines = [line for line in self._history_lines() if _epoch(line) < epochs]
            write_atomic(self.history, "".join(line + "\n" for line in lines))

    def add_history(self, record: dict[str, Any]) -> None:
        self.require_claim()
        with open(self.history, "a") as file:
            file.write(json.dumps(record) + "\n")

    def read_history(self) -> list[dict[str, Any]]:
        if not self.history.exists():
            return []
        records = [record for line in self._history_lines() if (record := _record(line)) is not None]
        for record in records:
            if not isinstance(record, dict) or not isinstance(record.get("epoch"), int):
                raise self._damaged(self.history)
            if not isinstance(record.get("seconds", 0.0), int | float):
                raise self._damaged(self.history)
        return records

    def _history_lines(self) -> list[str]:
        try:
            return self.history.read_text().splitlines()
        except UnicodeDecodeError:
            raise self._damaged(self.history) from None

    def _damaged(self, file: Path) -> BadInput:
        return BadInput(f"{file} is damaged; move its folder away to run it again.")

    def claim(self) -> Claim | None:
        """Who works on the run, or did and is gone; None where nobody does."""
        return read_claim(self.claim_file)

    def is_claimed(self) -> bool:
        """Whether a process works on the run, or its job waits for a place."""
        claim = self.claim()
        return claim is not None and not looks_gone(self.claim_file, claim)

    @contextlib.contextmanager
    def claimed(self, key: str = "", wait: float = 0.0) -> Iterator[Held]:
        """Holds the run's claim, once for blocks within each other; see `suite.store.claims.held.held`."""
        if self.held is not None:
            yield self.held
            return
        with held(self.path, key, wait) as self.held:
            try:
                yield self.held
            finally:
                self.held = None

    def require_claim(self) -> None:
        """To be asked before what others read is written.  Raises ClaimLost where this process lost its claim."""
        if self.held is not None:
            self.held.require()

    def progress(self) -> dict[str, Any]:
        """How far the process is that works on the run: step, steps, tested, videos; {} where that is not known."""
        claim = self.claim()
        return read_progress(self.claim_file, claim) if claim else {}


def stored_beside(predictions: Path) -> dict[str, Any]:
    """The result of a run, or of a further test of it, that a predictions file of ours belongs to; {} without one."""
    for name in ("result.json", "eval.json"):
        if isinstance(found := _read_json(predictions.with_name(name)), dict):
            return found
    return {}


@lru_cache(maxsize=4096)
def _parsed(file: Path, *state: int) -> Any:
    """What a spec.yaml holds, parsed once per `state`: a report asks several times.  None when it is no YAML."""
    try:
        return read_plain_yaml(file, "Spec")
    except BadInput:
        return None


def _epoch(line: str) -> int:
    """The epoch of a history line; of one that a kill cut short, or that is no record of an epoch, -1."""
    try:
        return int(_record(line)["epoch"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return -1


def _record(line: str) -> Any:
    """What a history line holds; None for one that a kill cut short."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def spec_of(data: Any, otherwise: str) -> RunSpec:
    """The spec of a run from what a file holds; BadInput(otherwise) where that is of another shape."""
    try:
        spec = RunSpec.from_resolved(data)
    except (KeyError, TypeError, AttributeError):
        raise BadInput(otherwise) from None
    except BadInput as error:
        raise BadInput(f"{otherwise.rstrip('.')} ({str(error).rstrip('.')}).") from None
    words, counts = (spec.model, spec.dataset, spec.parent or "", spec.control), (spec.frames, spec.seed)
    if not (all(isinstance(w, str) for w in words) and all(isinstance(n, int) for n in counts)):
        raise BadInput(otherwise)
    return spec


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        raise BadInput(f"{path} is damaged; move its folder away to run it again.") from None
