"""Small real videos for tests, written without the product's own encoder."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

import av
import numpy as np

CLASSES_FILE = Path(__file__).parent.parent / "suite" / "data" / "sets" / "mini_ssv2_classes.txt"

# templates as the official files write them; their classes are in Mini-SSV2, three of them one-sided
TEMPLATES = (
    "Pulling [something] from right to left",
    "Pushing [something] from left to right",
    "Turning the camera right while filming [something]",
    "Holding [something] next to [something]",
    "Moving [something] and [something] so they pass each other",
    "Poking [something] so lightly that it doesn't or almost doesn't move",
    "Stacking [number of] [something]",
    "Letting [something] roll up a slanted surface, so it rolls back down",
)


def moving_frames(frames: int, height: int = 60, width: int = 80, seed: int = 0) -> np.ndarray:
    """Smooth frames that all differ, uint8 (T, H, W, 3)."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    t = np.arange(frames, dtype=np.float32)[:, None, None]
    # the waves come round after nine frames; the brightness does not
    waves = [90 + t + 80 * np.sin(x / (6 + c) + y / 9 + 0.7 * t + seed + c) for c in range(3)]
    return np.stack(waves, -1).astype(np.uint8)


def write_video(path: Path, frames: np.ndarray, codec: str = "libvpx-vp9", fps: int = 12, **options: str) -> Path:
    """Encodes uint8 (T, H, W, 3); the container goes by the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    speed = {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "0"} if codec == "libvpx-vp9" else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options={**speed, **options})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_ssv2(
    root: Path,
    train: int = 12,
    val: int = 8,
    classes: int = 4,
    test: int = 0,
    layout: str = "flat",
    height: int = 60,
    lengths: tuple[int, int] = (10, 60),
    inner: bool = True,
    seed: int = 0,
) -> Path:
    """A small Something-Something V2 in the official format and real VP9 videos of uneven length; returns `root`.

    layout: "flat" (something-something-v2-train.json) or "folder" (labels/train.json); inner: below
    `something-something-v2/`, or in `root` itself.  Ids count from 1 (train), 1001 (val), 2001 (test); labels are those
    of all 87 Mini-SSV2 classes and a few others, as strings, in an order that is not alphabetical.
    """
    base = root / "something-something-v2" if inner else root
    videos = base / "20bn-something-something-v2"
    videos.mkdir(parents=True, exist_ok=True)
    names = [*CLASSES_FILE.read_text().splitlines(), "Pulling something from left to right", "Closing something"][::-1]
    parts: dict[str, object] = {"labels": {name: str(number) for number, name in enumerate(names)}}
    rng = np.random.default_rng(seed)
    for part, first, count in (("train", 1, train), ("validation", 1001, val), ("test", 2001, test)):
        items = []
        for place in range(count):
            template, video = TEMPLATES[place % classes], str(first + place)
            items.append({"id": video} if part == "test" else official_item(video, template))
            frames = moving_frames(
                int(rng.integers(lengths[0], lengths[1] + 1)), height, height * 4 // 3, first + place
            )
            write_video(videos / f"{video}.webm", frames)
        parts[part] = items
    for part, content in parts.items():
        write_json(annotation(base, part, layout), content)
    return root


def official_item(video: str, template: str) -> dict[str, object]:
    things = ["a cup"] * template.count("[")
    label = template.replace("[something]", "a cup").replace("[number of]", "two")
    return {"id": video, "label": label, "template": template, "placeholders": things}


def annotation(base: Path, part: str, layout: str = "flat") -> Path:
    return base / (f"something-something-v2-{part}.json" if layout == "flat" else f"labels/{part}.json")


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def counted_frames(frames: int, height: int = 32, width: int = 48) -> np.ndarray:
    """Grey frames, uint8 (T, H, W, 3), whose brightness tells their number; at most 30 of them."""
    grey = np.arange(8, 8 + 8 * frames, 8, dtype=np.uint8)
    return np.broadcast_to(grey[:, None, None, None], (frames, height, width, 3)).copy()


def frame_numbers(clip: object) -> list[int]:
    """Which of the `counted_frames` a clip (T, H, W, 3) holds."""
    return [round(float(np.asarray(frame).mean() - 8) / 8) for frame in clip]


def write_pictures(folder: Path, frames: np.ndarray, name: str = "{:05d}.jpg", first: int = 1) -> Path:
    """Writes uint8 (T, H, W, 3) as one JPEG per frame."""
    import torch
    from torchvision.io import write_jpeg

    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, first):
        write_jpeg(torch.from_numpy(frame).permute(2, 0, 1).contiguous(), str(folder / name.format(number)), 95)
    return folder


@cache
def _counted_file(suffix: str, frames: int) -> bytes:
    codec = {".mp4": "libx264", ".avi": "mpeg4"}.get(suffix, "libvpx-vp9")
    with tempfile.TemporaryDirectory() as folder:
        return write_video(Path(folder) / f"clip{suffix}", counted_frames(frames), codec).read_bytes()


def write_counted(path: Path, frames: int = 12, first: int = 1) -> Path:
    """`counted_frames` as a video file, or as a folder of pictures where the path has no suffix of a video."""
    if path.suffix not in (".mp4", ".avi", ".webm"):
        return write_pictures(path, counted_frames(frames), first=first)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_counted_file(path.suffix, frames))
    return path


def write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())  # line ends stay as they are
    return path
