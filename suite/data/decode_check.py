"""Decodes every frame of the videos of a split; what was found is stored, so that an interrupted check goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from suite.data.frame_folders import Undecodable, pattern_of, read_pictures
from suite.data.index import SAVE_SECONDS, in_threads
from suite.data.index_file import FileState, write_cache
from suite.data.manifest import Manifest, index_of, path_in_folder

STORE = "decoded-2.json"  # beside the index of the videos; the first version did not count damaged frames
DAMAGED = "decoded with errors"  # begins the reason of a video of which FFmpeg had to invent parts
Progress = Callable[[int, int], None]  # decoded, of how many


def decode_all(manifest: Manifest, progress: Progress = lambda done, of: None, threads: int = 0) -> dict[str, str]:
    """Id of a usable video -> why it cannot be decoded to its end, or DAMAGED and how many frames are; others left out.

    A file that was decoded before and has not changed since is not decoded again.  threads: 0 takes one per core.
    """
    index = index_of(manifest)
    file = index.file.with_name(f"{index.file.stem}-{STORE}")
    known = _load(file)
    paths = {video.id: path_in_folder(manifest, video) for video in manifest.videos}
    states = {path: list(FileState.of(os.stat(index.base / path))) for path in set(paths.values())}
    todo = [path for path, state in states.items() if known.get(path, [None])[:-1] != state]
    saved = time.monotonic()

    def look(path: str) -> tuple[str, str]:
        return path, decode_whole(index.base / path)

    try:
        for done, (path, reason) in enumerate(in_threads(look, todo, threads), 1):
            known[path] = [*states[path], reason]
            progress(done, len(todo))
            if time.monotonic() - saved > SAVE_SECONDS:
                write_cache(file, known)
                saved = time.monotonic()
    finally:
        if todo:
            write_cache(file, known)
    return {video: str(known[path][-1]) for video, path in paths.items() if known[path][-1]}


def decode_whole(path: Path) -> str:
    """Why a file or folder of pictures cannot be decoded to its end, or DAMAGED with a count; "" for a sound one."""
    if path.is_dir():
        try:
            read_pictures(path, range(pattern_of(path).count))
        except Undecodable as error:
            return str(error)
        return ""
    import av

    from suite.data.decoding import first_line, one_thread
    from suite.data.probing import probe

    decoded = damaged = 0
    try:
        frames, _, _ = probe(path)
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            one_thread(stream)
            for frame in container.decode(stream):
                decoded += 1
                damaged += frame.is_corrupt  # FFmpeg conceals the damage, and raises no error
    except Undecodable as error:
        return str(error)
    except (av.FFmpegError, OSError, ValueError) as error:
        return f"frame {decoded} cannot be decoded ({first_line(error)})"
    if decoded < frames:
        return f"only {decoded} of its {frames} frames can be decoded"
    return f"{DAMAGED}: {damaged} of its {decoded} frames are damaged" if damaged else ""


def _load(file: Path) -> dict[str, list[object]]:
    try:
        data = json.loads(file.read_text())
        return {path: list(entry) for path, entry in data.items() if len(entry) == len(FileState._fields) + 1}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # only a cache
