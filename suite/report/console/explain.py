"""Where a number came from, everything that is known of the runs behind it, and whether it still comes out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import yaml

from suite.collect.ensembles import read_stored
from suite.collect.resolve import Other, resolve
from suite.evaluation.own_predictions import check_stored, read_own
from suite.fairness.data_factors import leakage_of
from suite.fairness.factors import FACTORS
from suite.fairness.factors import text as text_of
from suite.spec import printable
from suite.statistics.rounding import rounded
from suite.store.earlier import id_today, source_folder
from suite.store.evaluations import result_of
from suite.store.folder import RunFolder

LISTED = 5  # file names shown of a longer list


def explain(text: str, results: Path) -> dict[str, Any]:
    """All runs that `text` names (see `suite.collect.resolve`), each with what made it; of a test the run tested.

    Other results come as `results`: what is known of them, by factor.  Raises BadInput when `text` names nothing, or a
    file is damaged.
    """
    named = resolve(text, results)
    runs = [one.run() if isinstance(one, Other) else one for one in named]
    others = [_explain_other(one) for one, run in zip(named, runs, strict=True) if run is None]
    found = {"asked": text, "runs": [explain_run(run) for run in runs if run is not None]}
    return found | ({"results": others} if others else {})


def _explain_other(other: Other) -> dict[str, Any]:
    """A result that is no run here: its accuracy and its factors, None where unknown."""
    result = other.read()
    known = {key: None if math.isnan(value) else value for key, value in (("top1", result.top1), ("n", result.n))}
    found = {"kind": other.kind, "text": other.text, "label": result.label, **known, "factors": result.factors}
    return found | ({"members": read_stored(Path(other.text))["members"]} if other.kind == "ensemble" else {})


def explain_run(folder: RunFolder) -> dict[str, Any]:
    """Configuration, parents (nearest first), origin, sessions, result and files (bytes) of one run.

    What is not known, of a run that has not begun or whose parents are elsewhere, is None or empty.
    """
    spec = folder.spec()
    result, provenance = result_of(folder, spec), folder.read_provenance()
    if result and folder.predictions.is_file():
        check_stored(result, read_own(folder.predictions, result.get("class_names")), folder.id)
    sessions, history = provenance.get("sessions", []), folder.read_history()
    last = sessions[-1] if sessions else {}
    data = provenance.get("data", {})
    error = folder.error()
    return {
        "id": folder.id,
        "folder": str(folder.path),
        "state": folder.state(),
        "error": error["error"] if error else None,
        "spec": yaml.safe_load(folder.spec_file.read_text()),  # as it was: later versions have keys beside these
        "id_now": id_today(folder),
        "tests": _tests(folder),
        "parents": _parents(folder),
        "code": last.get("code"),
        "packages": last.get("packages", {}),
        "python": last.get("python"),
        "device": {key: last.get(key) for key in ("device", "name", "threads", "cuda", "cudnn") if key in last},
        "data": {split: facts for split, facts in data.items() if isinstance(facts, dict)},
        "data_notes": data.get("notes", []),
        "weights": _weights(provenance.get("weights")),
        "decoding": provenance.get("decoding"),
        "sessions": sessions,
        "resumed": max(0, len(sessions) - 1),
        "train_seconds": round(sum(line.get("seconds", 0.0) for line in history), 3),
        "epochs_done": len(history),
        "result": result,
        "files": {
            str(file.relative_to(folder.path)): file.stat().st_size
            for file in sorted(folder.path.rglob("*"))
            if file.is_file() and not file.name.startswith(".")
        },
    }


def describe(found: dict[str, Any]) -> str:
    """What `explain` found as text for a person."""
    parts = [*map(_lines, found["runs"]), *map(_other_lines, found.get("results", []))]
    return "\n\n".join("\n".join(map(printable, lines)) for lines in parts)


def describe_verified(found: dict[str, Any]) -> str:
    """What `suite.sweep.verify` found as text: a line a run, then what is wrong."""
    heads = ("run", "videos", "predictions", "same class", "largest difference", "")
    rows = [heads]
    for run in found["runs"]:
        same = "" if run["agreement"] is None else f"{rounded(100 * run['agreement'], 2)} %"
        apart = "" if run["max_difference"] is None else f"{run['max_difference']:.2g}"
        kind = "identical" if run["identical"] else "not tested" if run["agreement"] is None else "not identical"
        rows.append((run["id"], str(run["n"]), kind, same, apart, "PROBLEM" if run["problems"] else "ok"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    out = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    standards: dict[str, int] = {}
    for run in found["runs"]:
        if run["standard"]:
            words = f"Required: {run['standard']} ({run['why']})"
            standards[words] = standards.get(words, 0) + 1
    out += ["", *(f"{words}: {count} runs" if len(found["runs"]) > 1 else words for words, count in standards.items())]
    out += [f"{run['id']}: {problem}" for run in found["runs"] for problem in run["problems"]]
    bad = sum(bool(run["problems"]) for run in found["runs"])
    words = f"{bad} with problems" if bad else "all confirmed"
    drawn = f"{found['checked']} of {found['finished']} finished runs retested on {found['device']}"
    return "\n".join(
        [*map(printable, out), f"{found['grid']}: {drawn} (sample {found['sample']}, seed {found['seed']}), {words}."]
    )


def _other_lines(result: dict[str, Any]) -> list[str]:
    top1 = "top-1 unknown" if result["top1"] is None else f"top-1 {rounded(result['top1'], 2)} %"
    videos = "" if result["n"] is None else f" of {result['n']:.0f} videos"
    known = {FACTORS[key]: text_of(value) for key, value in result["factors"].items() if value is not None}
    missing = [FACTORS[key] for key, value in result["factors"].items() if value is None]
    out = [result["label"], f"  {result['kind']} {result['text']}: {top1}{videos}"]
    if members := result.get("members"):
        out += ["", "Models", *_facts({member["id"]: _member_line(member) for member in members})]
    out += ["", "Known", *_facts(known)]
    return [*out, "", f"Not known: {', '.join(missing)}"] if missing else out


def _member_line(member: dict[str, Any]) -> str:
    return f"top-1 {rounded(member['top1'], 2)} %, weight {member['weight']:.3g}"


def _lines(run: dict[str, Any]) -> list[str]:
    result, spec = run["result"], run["spec"]
    head = f"{spec['model']} on {spec['dataset']}, {spec['frames']} frames, seed {spec['seed']}"
    out = [run["id"], f"  {head}{', control ' + spec['control'] if spec.get('control') else ''}: {run['state']}"]
    if run["error"]:
        out.append(f"  error: {run['error']}")
    if run["id_now"]:
        out.append(f"  id assigned by an earlier version of the suite; its current id is {run['id_now']}")
    if result:
        out += ["", "Result", *_facts(_result_facts(result))]
    out += ["", "Further tests", *_facts(run["tests"])] if run["tests"] else []
    out += ["", "Parent runs, nearest first" if run["parents"] else "Parents: none (first run of its chain)"]
    out += [f"  {_parent_line(parent)}" for parent in run["parents"]]
    out += ["", "Origin", *_facts(_origin(run))]
    out += ["", f"Sessions: {len(run['sessions'])}, resumed {run['resumed']} times; {_trained(run)}"]
    out += [f"  {_session_line(session)}" for session in run["sessions"]]
    out += ["", "Configuration (hashed into the id)"]
    out += [
        f"  {line}" for line in yaml.safe_dump(spec, sort_keys=False, default_flow_style=None, width=110).splitlines()
    ]
    out += ["", f"Files in {run['folder']}", *_facts({name: f"{size:,} bytes" for name, size in run["files"].items()})]
    return out


def _result_facts(result: dict[str, Any]) -> dict[str, Any]:
    facts = {
        "top-1": f"{rounded(result['top1'], 2)} % of {result['n']} videos",
        "top-5": f"{rounded(result['top5'], 2)} %",
    }
    if "video" in result:
        facts["top-1, video level"] = f"{rounded(result['video']['top1'], 2)} %"
    for key, head in (
        ("pair_top1", "pair accuracy"),
        ("best_top1", "best epoch"),
        ("dev_top1", "top-1, held-out (dev) split"),
    ):
        if key in result:
            facts[head] = f"{rounded(result[key], 2)} %"
    if "selected_epoch" in result:
        facts["selected epoch"] = result["selected_epoch"] + 1
    if shared := leakage_of(result):
        facts["leakage"] = f"validation videos in the training split: {text_of(shared)}"
    facts["cumulative epochs"] = result["epochs_seen"]
    facts["cost"] = f"{result['macs'] / 1e9:.3f} GMACs per clip, {result['params']:,} parameters"
    return facts


def _origin(run: dict[str, Any]) -> dict[str, Any]:
    known = {name: version for name, version in run["packages"].items() if version}
    device = run["device"]
    named = ", ".join(f"{key} {device[key]}" for key in ("threads", "cuda", "cudnn") if device.get(key) is not None)
    facts = {
        "commit": _commit(run["code"]),
        "packages": ", ".join(f"{name} {version}" for name, version in known.items()) or "not recorded",
        "python": run["python"] or "not recorded",
        "device": f"{device.get('device')}: {device.get('name')} ({named})" if device else "not recorded",
        "weights": run["weights"]["text"] if run["weights"] else "not recorded",
    }
    for split, about in run["data"].items():
        facts[f"data, {split}"] = f"{about.get('videos', '?')} videos, manifest sha256 {about.get('sha256', '?')}"
    facts |= {f"data, note {number}": note for number, note in enumerate(run["data_notes"], 1)}
    facts["decoding"] = _decoding(run["decoding"])
    return facts


def _commit(code: str | None) -> str:
    if not code:
        return "not recorded (not run from a checkout)"
    commit, plus, changed = code.partition("+")
    return commit + (f", with changes that are not committed{f' (code {changed})' if changed else ''}" if plus else "")


def _decoding(report: dict[str, Any] | None) -> str:
    if report is None:
        return "recorded when the run ends"
    if splits := report.get("splits"):
        text = "; ".join(f"{split} by {' and '.join(about['backends'])}" for split, about in splits.items())
        if libraries := sorted({library for about in splits.values() for library in about["ffmpeg"]}):
            text += f" ({'; '.join(libraries)})"
    else:
        text = f"by {' and '.join(report.get('backends', [])) or 'no decoder'}"
    for reason, videos in report.get("fallbacks", {}).items():
        some = ", ".join(videos[:LISTED]) + (", ..." if len(videos) > LISTED else "")
        text += f"; {len(videos)} videos not decoded by decord ({reason}): {some}"
    return text


def _parent_line(parent: dict[str, Any]) -> str:
    top1 = "no result stored here" if parent["top1"] is None else f"top-1 {rounded(parent['top1'], 2)} %"
    epochs = "number of epochs not stored here" if parent["epochs"] is None else f"{parent['epochs']} epochs"
    frames = "" if parent["frames"] is None else f"{parent['frames']} frames, "
    return f"{parent['id']}: {frames}{epochs}, {top1}, {parent['state']}"


def _session_line(session: dict[str, Any]) -> str:
    length = f"{session['seconds']:.1f} s" if "seconds" in session else "interrupted"
    begun = f"{session.get('started')} from step {session.get('from_step')}"
    return f"{begun}, {length}, {session.get('device')}: {session.get('name')}, commit {_commit(session.get('code'))}"


def _trained(run: dict[str, Any]) -> str:
    return f"{run['epochs_done']} epochs in {run['train_seconds']:.1f} s of training"


def _facts(facts: dict[str, Any]) -> list[str]:
    width = max(map(len, facts), default=0)
    return [f"  {key.ljust(width)}  {value}" for key, value in facts.items()]


def _tests(folder: RunFolder) -> dict[str, str]:
    """The tests of a run beside its first one, by test id."""
    found = {}
    for file in sorted(folder.path.glob("eval/*/eval.json")):
        try:
            test = json.loads(file.read_text())
            top1 = f"top-1 {rounded(test['top1'], 2)} % of" if "top1" in test else "no labels,"
            found[file.parent.name] = f"{top1} {test['n']} videos, {test['frames']} frames, views {test['views']}"
        except (ValueError, KeyError, TypeError):
            found[file.parent.name] = "damaged"
    return found


def _parents(folder: RunFolder) -> list[dict[str, Any]]:
    """The chain before a run, nearest first; it ends early where a parent is in no grid here."""
    out, spec, runs = [], folder.spec(), folder.path.parent
    while spec.parent and spec.parent not in {parent["id"] for parent in out}:
        parent = source_folder(runs, spec.parent)  # one of another grid too
        runs = parent.path.parent
        if not parent.spec_file.is_file():
            unknown = dict.fromkeys(("frames", "epochs", "epochs_seen", "top1"))
            out.append({"id": parent.id, "state": "not here", **unknown})
            break
        spec, result = parent.spec(), parent.result() or {}
        out.append(
            {
                "id": parent.id,
                "state": parent.state(),
                "frames": spec.frames,
                "epochs": spec.protocol.epochs,
                "epochs_seen": result.get("epochs_seen"),
                "top1": result.get("top1"),
            }
        )
    return out


def _weights(report: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a run started from, with the sentence that names it."""
    if report is None:
        return None
    if "loaded" not in report:
        return {**report, "text": "from scratch"}
    text = f"{report['loaded']} of {report['total']} tensors from {report['source']}"
    if fresh := report.get("fresh"):
        text += f", {' and '.join(fresh)} fresh"
    if before := report.get("pretraining"):
        text += f" ({before['model']} trained on {before['dataset']}, run {before['run']})"
    if missing := report.get("missing"):
        text += f"; {len(missing)} kept their initial values (first {missing[0]})"
    if unused := report.get("unexpected"):
        text += f"; {len(unused)} in the file were not used (first {unused[0]})"
    return {**report, "text": text}
