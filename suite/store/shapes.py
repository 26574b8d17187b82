"""Whether what our JSON files hold has the types that readers rely on; files are edited, and come from archives."""

from __future__ import annotations

from typing import Any

PERCENT = ("top1", "top5", "pair_top1", "best_top1", "dev_top1")
COUNTS = ("n", "params", "conv_macs", "macs", "epochs_seen", "missing", "classes", "selected_epoch", "frames", "size")
MOST = 1 << 60  # what is counted is less
TABLES = ("videos", "manifests", "manifest_parts", "per_class", "leakage", "dev", "environment", "device", "decoding")


def is_result(content: Any) -> bool:
    """Whether a result.json or eval.json, or the video-level part of one, has values of the right types."""
    if not isinstance(content, dict):
        return False
    names = content.get("class_names")
    return (
        all(_percent(content[key]) for key in PERCENT if key in content)
        and all(_count(content[key]) for key in COUNTS if key in content)
        and all(isinstance(content[key], dict) for key in TABLES if key in content)
        and all(value is None or _percent(value) for value in content.get("per_class", {}).values())
        and all(map(_count, content.get("videos", {}).values()))
        and ("video" not in content or is_result(content["video"]))
        and (names is None or (isinstance(names, list) and all(isinstance(name, str) for name in names)))
    )


def is_provenance(content: Any) -> bool:
    """Whether a provenance.json has values of the right types."""
    if not isinstance(content, dict) or not isinstance(content.get("sessions", []), list):
        return False
    tables = [content.get(key) for key in ("weights", "data", "decoding")]
    sessions = content.get("sessions", [])
    return all(table is None or isinstance(table, dict) for table in tables) and all(map(_is_session, sessions))


def _is_session(session: Any) -> bool:
    if not isinstance(session, dict):
        return False
    tables = [session.get(key) for key in ("packages", "code_train", "code_test")]
    return isinstance(session.get("cudnn") or 0, int) and all(
        table is None or isinstance(table, dict) for table in tables
    )


def _percent(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 100  # NaN is not


def _count(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < MOST and value == int(value)
