"""What a video is, without decoding it: frames, rate, codec; and whether it can be read at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from suite.data import frame_folders
from suite.data.decoding import first_line, one_thread
from suite.data.frame_folders import Undecodable

EXACT = "mp4"  # a container that counts its frames one by one; of others the length is an estimate


def probe(path: Path | str) -> tuple[int, float, str]:
    """(frames, frames per second, codec) of a file, by counting packets; only the first frame is decoded.

    Raises Undecodable when there is no video in it, its first frame does not decode, or its end is cut off.
    """
    if os.path.isdir(path):
        return _probe_pictures(path)
    if not frame_folders.is_openable(path):
        raise Undecodable(f"Video {path} is not a regular file.")
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                audio = ", only audio" if container.streams.audio else ""
                raise Undecodable(f"Video {path} has no video stream{audio}.")
            stream = container.streams.video[0]
            one_thread(stream)
            frames, discarded, end, opened = 0, 0, 0.0, False
            declared = stream.frames if EXACT in container.format.name.split(",") else 0
            for packet in container.demux(stream):
                if declared and packet.is_corrupt:
                    raise Undecodable(f"Video {path} is truncated: its frame {frames} is cut off.")
                if packet.size == 0:
                    continue
                opened = opened or bool(packet.decode())
                if packet.is_discard:  # by an edit list; frames after it may need it
                    discarded += 1
                    continue
                frames += 1
                if packet.pts is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * stream.time_base))
            opened = opened or bool(stream.decode(None))
            fps = float(stream.average_rate or stream.guessed_rate or 0)
            codec = stream.codec_context.name
            length = _declared_seconds(container, stream)
    except Undecodable:
        raise
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise Undecodable(f"Video {path} cannot be decoded ({first_line(error)}).") from None
    if frames + discarded < declared and (there := _all_packets(path)) < declared:
        raise Undecodable(f"Video {path} is truncated: it has {there} of its {declared} frames.")
    if not opened or frames == 0:
        raise Undecodable(f"Video {path} has no decodable frame.")
    if length - end > max(0.05 * length, 2 / fps if fps else 0):
        raise Undecodable(f"Video {path} is truncated: its header gives {length:.2f} s, but it ends at {end:.2f} s.")
    return frames, fps, codec


def _all_packets(path: Path | str) -> int:
    """How many packets a file of EXACT holds, those too that its edit list leaves out."""
    import av

    with av.open(str(path), options={"ignore_editlist": "1"}) as container:
        return sum(packet.size > 0 for packet in container.demux(container.streams.video[0]))


def _probe_pictures(folder: Path | str) -> tuple[int, float, str]:
    pattern = frame_folders.pattern_of(folder)
    frame_folders.read_pictures(folder, [0])
    return pattern.count, 0.0, pattern.suffix.lower()


def _declared_seconds(container: Any, stream: Any) -> float:
    """How long the file says its video is; 0 when it does not say, or speaks of other streams too."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    alone = len(container.streams) == 1 and container.duration is not None
    return container.duration / 1e6 if alone else 0.0
