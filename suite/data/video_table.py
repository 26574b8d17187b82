"""The videos of a split in a few buffers instead of an object each.

A list of 240,000 objects costs hundreds of MiB, and again so in every worker of a data loader: reading an object writes
its reference count, so the pages that a forked worker shares with its parent are copied one by one.  Buffers of numbers
and bytes hold no reference counts; workers share them for ever.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise, starmap
from typing import Any, NamedTuple, overload

NONE = -1  # of a label or a first frame


class Video(NamedTuple):
    """A video that can be read; `path` is relative to the data set's root, `fps` in frames per second.

    fingerprint: of its file's content (`suite.data.index.fingerprint`), "" where it was not taken; first: the frame of
    its file with which it begins, None where it is the whole file.
    """

    id: str
    path: str
    class_name: str | None
    label: int | None
    frames: int
    fps: float
    fingerprint: str = ""
    first: int | None = None


class _Strings:
    """Strings, one after the other in one buffer."""

    def __init__(self, strings: list[str]) -> None:
        text = "".join(strings)
        # a name of a file need not be UTF-8: Python holds its bytes as half characters
        self.text = text.encode("utf-8", "surrogatepass")
        parts = strings if text.isascii() else [part.encode("utf-8", "surrogatepass") for part in strings]
        self.ends = array("q", accumulate(map(len, parts), initial=0))

    def __getitem__(self, index: int) -> str:
        return self.text[self.ends[index] : self.ends[index + 1]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        text = self.text
        return (str(text[a:b], "utf-8", "surrogatepass") for a, b in pairwise(self.ends))


class VideoTable(Sequence[Video]):
    """Videos as a sequence that builds each `Video` when it is asked for; equal to any sequence of the same videos."""

    def __init__(self, videos: Iterable[Video]) -> None:
        rows = list(videos)
        self._set(*([row[place] for row in rows] for place in range(len(Video._fields))))

    @classmethod
    def of_columns(cls, *columns: list[Any]) -> VideoTable:
        """From one list per field of `Video`, in their order."""
        table = cls.__new__(cls)
        table._set(*columns)
        return table

    def _set(
        self,
        ids: list[str],
        paths: list[str],
        names: list[str | None],
        labels: list[int | None],
        frames: list[int],
        fps: list[float],
        fingerprints: list[str],
        firsts: list[int | None],
    ) -> None:
        self._ids, self._paths, self._fingerprints = _Strings(ids), _Strings(paths), _Strings(fingerprints)
        self._names = tuple(dict.fromkeys(names))
        numbers = {name: number for number, name in enumerate(self._names)}
        self._of_name = array("q", map(numbers.__getitem__, names))
        self._labels, self._firsts = _whole_numbers(labels), _whole_numbers(firsts)
        self._frames, self._fps = array("q", frames), array("d", fps)

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> Video: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Video, ...]: ...
    def __getitem__(self, index: int | slice) -> Video | tuple[Video, ...]:
        if isinstance(index, slice):
            return tuple(map(self.__getitem__, range(*index.indices(len(self)))))
        index = range(len(self))[index]  # an IndexError, and a place counted from the end
        return Video(
            self._ids[index],
            self._paths[index],
            self._names[self._of_name[index]],
            _or_none(self._labels[index]),
            self._frames[index],
            self._fps[index],
            self._fingerprints[index],
            _or_none(self._firsts[index]),
        )

    def __iter__(self) -> Iterator[Video]:
        return starmap(Video, zip(*map(self.column, Video._fields), strict=True))

    def column(self, field: str) -> Iterator[Any]:
        """One field of all videos, in their order; without the cost of building each `Video`."""
        if field == "class_name":
            return map(self._names.__getitem__, self._of_name)
        values = {
            "id": self._ids,
            "path": self._paths,
            "label": self._labels,
            "frames": self._frames,
            "fps": self._fps,
            "fingerprint": self._fingerprints,
            "first": self._firsts,
        }[field]
        return map(_or_none, values) if field in ("label", "first") else iter(values)

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"VideoTable({list(self)!r})"


def _whole_numbers(values: list[int | None]) -> array[int]:
    return (
        array("q", values) if None not in values else array("q", (NONE if value is None else value for value in values))
    )


def _or_none(value: int) -> int | None:
    return None if value == NONE else value
