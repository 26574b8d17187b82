"""Writes the calibration data sets in the layout of Something-Something V2, so that one reader serves both.

<root>/calib_order/labels/{labels,train,validation}.json
<root>/calib_order/20bn-something-something-v2/<id>.webm      VP9, 12 frames per second
<root>/calib_order/calibration.json                           generator, version, level, seed, ceilings, flips
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.data.formats import something
from suite.data.rng import generator
from suite.data.synthetic.sets import CARD, GENERATOR, VERSION, CalibratedSet, Level, find, folder_name
from suite.spec import BadInput

if TYPE_CHECKING:
    import numpy as np

FPS = 12


def synthesize(
    name: str, root: Path | str, videos: dict[str, int] | None = None, processes: int = 2, seed: int = 0
) -> Path:
    """Makes a calibration data set in `root` and returns its folder; one that is complete is left alone.

    name: e.g. `calib_order` or `calib_order@level=hard`; videos: how many for "train" and "val", None takes the
    level's own numbers, and accepts any number in a set that exists; processes: how many videos at a time.
    Videos depend on seed and id alone.  An older set of ours is replaced; BadInput when the folder holds anything else.
    """
    base, level_name = split_name(name)
    kinds, level = find(base, level_name)
    root = Path(root)
    folder = root / folder_name(base, level_name)
    card = _card(kinds, level_name, seed, {**dict(level.videos), **(videos or {})})
    if _is_complete(folder, card, any_count=videos is None):
        return folder
    if folder.exists() and _read_card(folder).get("generator") != GENERATOR:
        raise BadInput(
            f"'{folder}' exists but is not a calibration data set; move it away or give another folder with DATA=."
        )
    root.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=root))
    try:
        _write(temporary, kinds, level, card, processes)
        temporary.chmod(0o755)
        _move(temporary, folder, card)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def split_name(name: str) -> tuple[str, str]:
    """'calib_order@level=hard' -> ('calib_order', 'hard'); no level is 'easy'."""
    base, _, option = name.partition("@")
    if option and not option.startswith("level="):
        raise BadInput(
            f"In data set name '{name}' the option '{option}' is unknown; calibration data sets have the option level=."
        )
    return base, option.removeprefix("level=") or "easy"


def encode(frames: np.ndarray, path: Path, crf: int) -> None:
    """Writes uint8 `(T, H, W, 3)` as VP9 in webm, each frame a key frame of constant quality.

    Frames know nothing of each other, so that the quality of a picture does not betray its place in time:
    a reversed video gives the reversed frames bit for bit.  The same frames give the same file: without "bitexact"
    the container gets a random track number, and one set made twice would have two content hashes.
    """
    import av

    options = {
        "crf": str(crf),
        "b": "0",
        "auto-alt-ref": "0",
        "lag-in-frames": "0",
        "deadline": "realtime",
        "cpu-used": "8",
    }
    with av.open(str(path), "w", format="webm", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libvpx-vp9", rate=FPS, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 1
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _card(kinds: CalibratedSet, level: str, seed: int, videos: dict[str, int]) -> dict[str, Any]:
    for split, count in videos.items():
        if split not in ("train", "val") or count < 0:
            raise BadInput(
                f"Calibration data sets have the splits 'train' and 'val'; {count} videos of '{split}' were requested."
            )
    return {
        "generator": GENERATOR,
        "version": VERSION,
        "set": kinds.name,
        "level": level,
        "seed": seed,
        "videos": videos,
        "chance": 1 / len(kinds.classes),
        "ceiling_blind": kinds.ceiling_blind,
        "ceiling_ordered": kinds.ceiling_ordered,
        "flip": kinds.flip,
        "pairs": [list(pair) for pair in kinds.pairs],
    }


def _write(folder: Path, kinds: CalibratedSet, level: Level, card: dict[str, Any], threads: int) -> None:
    (folder / "labels").mkdir()
    (folder / something.VIDEOS).mkdir()
    _dump(folder / "labels" / "labels.json", {name: str(number) for number, name in enumerate(kinds.classes)})
    jobs = []
    for split, count in card["videos"].items():
        # classes in turn, in an order of their own; every class has the same number of videos, give or take one
        order = generator(card["seed"], kinds.name, split, "classes").permutation(count) % len(kinds.kinds)
        first = 1 if split == "train" else 1_000_001
        items = []
        for place, number in enumerate(order):
            kind, video = kinds.kinds[number], str(first + place)
            jobs.append((video, kind))
            items.append(_item(video, kind.template))
        _dump(folder / "labels" / f"{something.SPLITS[split]}.json", items)

    def make(job: tuple[str, Any]) -> None:
        from suite.data.synthetic.drawing import draw

        video, kind = job
        gen = generator(card["seed"], kinds.name, card["level"], video)
        encode(draw(kind.shape, kind.motion, level, gen), folder / something.VIDEOS / f"{video}.webm", level.crf)

    # threads suffice: the encoder and numpy's loops run without Python's lock
    with ThreadPoolExecutor(max(1, threads)) as pool:
        try:
            for _ in pool.map(make, jobs):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    _dump(folder / CARD, card)


def _item(video: str, template: str) -> dict[str, Any]:
    """An entry with the official fields; what stands in brackets is a thing of no further description."""
    return {
        "id": video,
        "label": template.replace("[something]", "a thing"),
        "template": template,
        "placeholders": ["a thing"] * template.count("[something]"),
    }


def _dump(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=1))


def _read_card(folder: Path) -> dict[str, Any]:
    try:
        card = json.loads((folder / CARD).read_text())
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def _is_complete(folder: Path, card: dict[str, Any], any_count: bool) -> bool:
    """Whether `folder` holds the set that `card` describes; the card of a set is written last."""
    found = _read_card(folder)
    return bool(found) and all(
        found.get(key) == value for key, value in card.items() if key != "videos" or not any_count
    )


def _move(temporary: Path, folder: Path, card: dict[str, Any]) -> None:
    """Puts the finished set in its place; an older one of ours is moved aside first."""
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
        os.rename(folder, aside / folder.name)
        shutil.rmtree(aside, ignore_errors=True)
    try:
        os.rename(temporary, folder)
    except OSError:
        if not _is_complete(folder, card, any_count=False):  # else another process was quicker: the same videos
            raise
