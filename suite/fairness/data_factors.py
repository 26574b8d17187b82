"""The factors of a run that are about its videos: which they are, who decoded them, and which both splits hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

BEFORE = "pretraining on "  # a data set; in the factor `leakage`
DIGITS = 10  # of a hash that a person compares
TRAINING, TEST = ("train", "dev"), ("val", "test")  # splits


def data_of(result: Mapping[str, Any]) -> dict[str, str | None] | None:
    """List and content of each split: the digests that its manifest's hash is made of.

    Results of manifest scheme 1 hold the list's digest alone, so against them the content is unknown.
    """
    manifests, parts = result.get("manifests"), result.get("manifest_parts")
    if not isinstance(manifests, Mapping):
        return None
    parts = parts if isinstance(parts, Mapping) else {split: {"list": digest} for split, digest in manifests.items()}
    found = {}
    for split in manifests:
        found |= data_of_split(split, parts.get(split))
    return found


def data_of_split(split: str, parts: Any) -> dict[str, str | None]:
    """The same of one split, from what result.json or eval.json hold as `manifest_parts`."""
    parts = parts if isinstance(parts, Mapping) else {}
    digests = {part: parts.get(part) for part in ("list", "content")}
    return {f"{split} {part}": str(digest)[:DIGITS] if digest else None for part, digest in digests.items()}


def leakage_of(result: Mapping[str, Any], provenance: Mapping[str, Any] | None = None) -> Any:
    """Validation videos that the training split holds too: 0, or how many by id and by content; None: not counted.

    Those that an earlier stage was trained on, with another data set, are counted beside them.
    """
    counts = result.get("leakage")
    if not isinstance(counts, Mapping):
        return None
    found = {"by id": counts.get("by_id"), "by content": counts.get("by_content")}
    if not all(isinstance(number, int) for number in found.values()):
        return None
    before = (provenance or {}).get("pretraining_leakage")
    for name, seen in before.items() if isinstance(before, Mapping) else ():
        if isinstance(seen, Mapping) and (count := sum(n for n in seen.values() if isinstance(n, int))):
            found[BEFORE + name] = count
    return found if any(found.values()) else 0


def decoder_of(decoding: Any, packages: Iterable[Mapping[str, Any]] = ()) -> dict[str, str | None] | None:
    """Who decoded the videos of training and test, with versions, and how many were left to the other backend.

    decoding: what `Decoder.report` gave; packages: versions of each session, which alone name those of runs that
    recorded no backend's version.  A part is None where it was not recorded.
    """
    if not isinstance(decoding, Mapping) or not decoding.get("backends"):
        return None
    splits = decoding.get("splits")
    if not isinstance(splits, Mapping) or not set(splits) <= {*TRAINING, *TEST}:
        return _older(decoding, list(packages))
    try:
        return {
            "training": _backends(splits, TRAINING),
            "test": _backends(splits, TEST),
            "training fallbacks": _fallbacks(splits, TRAINING),
            "test fallbacks": _fallbacks(splits, TEST),
            "FFmpeg": _and_joined(library for about in splits.values() for library in about["ffmpeg"]) or "not used",
        }
    except (KeyError, TypeError, AttributeError):
        return None  # edited


def retested_decoder(trained: Any, decoding: Any) -> dict[str, str | None] | None:
    """The decoder of a test made later: of the run where it trained, of the test itself where it was tested."""
    tested = decoder_of(decoding)
    if tested is None:
        return trained
    trained = trained if isinstance(trained, Mapping) else {}
    libraries = {part for part in (trained.get("FFmpeg"), tested["FFmpeg"]) if part != "not used"}
    ffmpeg = None if None in libraries else _and_joined(sorted(libraries)) or "not used"
    of_training = {part: trained.get(part) for part in ("training", "training fallbacks")}
    return {**tested, **of_training, "FFmpeg": ffmpeg}


def _backends(splits: Mapping[str, Any], of: Iterable[str]) -> str:
    return (
        _and_joined(sorted({name for split in of if split in splits for name in splits[split]["backends"]})) or "none"
    )


def _fallbacks(splits: Mapping[str, Any], of: Iterable[str]) -> str:
    counts: dict[str, int] = {}
    for split in of:
        for reason, videos in splits.get(split, {}).get("fallbacks", {}).items():
            counts[reason] = counts.get(reason, 0) + videos
    return "; ".join(f"{reason}: {videos} videos" for reason, videos in sorted(counts.items())) or "none"


def _and_joined(parts: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(parts))


def _older(decoding: Mapping[str, Any], packages: list[Mapping[str, Any]]) -> dict[str, str | None]:
    """Of runs that recorded names of backends for all splits together: what one backend alone read is known."""
    names = {"decord": "decord", "pyav": "av"}  # backend -> package
    backends = decoding["backends"]
    version = None
    if len(backends) == 1 and (package := names.get(backends[0])):
        found = {session.get(package) for session in packages}
        version = f"{backends[0]} {found.pop()}" if len(found) == 1 and None not in found else None
    fallbacks = None if decoding.get("fallbacks") else "none"
    parts = {"training": version, "test": version, "training fallbacks": fallbacks, "test fallbacks": fallbacks}
    return parts | {"FFmpeg": "not used" if backends == ["decord"] else None}
