"""The runs of a grid as a forest: pretraining where there is any, the stages of each chain, and its control arm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.data.dataset_info import info
from suite.spec import BadInput, Grid, Protocol, load_protocol
from suite.store.earlier import run_folder, source_folder
from suite.store.identity import RunSpec
from suite.store.pretraining import source_sha256
from suite.sweep.planned_run import PlannedRun


@dataclass(frozen=True)
class Forest:
    """How the runs of a grid follow each other.

    overrides: protocol keys of the command line; folder: results/<grid>; frames: the largest number of frames that is
    wanted of each chain, None for all of it; pretrain: the data set to pretrain on, "" for that of the grid.
    """

    grid: Grid
    protocol: Protocol
    overrides: Mapping[str, Any]
    folder: Path
    frames: frozenset[int] | None = None
    pretrain: str = ""

    @classmethod
    def of(
        cls, grid: Grid, overrides: Mapping[str, Any], folder: Path, frames: Iterable[int] = (), pretrain: str = ""
    ) -> Forest:
        """Raises BadInput for a protocol key or value of the grid that there is not, and for one set twice."""
        protocol = load_protocol(grid.protocol)
        for kind, values in (("axes", grid.axes.protocol), ("tune", grid.tune.protocol if grid.tune else {})):
            for key in values:
                if key.partition(".")[0] == "evaluation":
                    raise BadInput(
                        f"'{key}' of grid {grid.name} cannot be an axis: it changes the test alone. 'set: "
                        "{evaluation.views: [1x1, 10x3]}' tests each run with several views."
                    )
                if key in overrides:
                    raise BadInput(f"--set {key} changes what grid {grid.name} lists under '{kind}'; change the grid.")
                for value in values[key]:
                    protocol.stage(False, {key: value}, grid.set, where=f"{kind} of grid {grid.name}")
        return cls(grid, protocol, overrides, folder, frozenset(frames) or None, pretrain)

    def trees(self, model: str, seed: int, datasets: Iterable[str]) -> list[list[PlannedRun]]:
        """The runs of a model, parents before children, in lists that share no run: one per data set, setting and
        chain, or a single one behind a run that pretrains."""
        root = self._pretraining(model, seed)
        chains = [
            self._chain(model, dataset, seed, frames, setting, root)
            for dataset in datasets
            for setting in self.grid.settings()
            for frames in map(self._wanted, self.grid.chains())
            if frames
        ]
        return chains if root is None else [[root, *(run for chain in chains for run in chain)]]

    def _wanted(self, chain: tuple[int, ...]) -> tuple[int, ...]:
        """The stages before a wanted one come along: it starts from them."""
        if self.frames is None:
            return chain
        return chain[: max((chain.index(count) + 1 for count in self.frames if count in chain), default=0)]

    def _pretraining(self, model: str, seed: int) -> PlannedRun | None:
        how = self.grid.pretrain
        if how is None:
            return None
        protocol = load_protocol(how.protocol) if how.protocol else self.protocol
        stage = protocol.stage(False, self.overrides, how.set, grid_part="set of pretrain")
        weights = source_sha256(stage.init, self.folder.parent)
        data, frames = info(self.pretrain or how.data).name, how.frames or self.grid.frame_counts[0]
        spec = RunSpec(model, data, frames, seed, stage, weights_sha256=weights)
        return PlannedRun(spec, source_folder(self.folder / "runs", spec.id))

    def _stage(self, chained: bool, setting: Mapping[str, Any]) -> Protocol:
        stage = self.protocol.stage(chained, self.overrides, self.grid.set | setting)
        if self.grid.tune:
            stage = stage.with_tuned(self.grid.tune.protocol)
        views = self.grid.fused_views()
        how = stage.evaluation
        if f"{how.video_clips}x{how.video_crops}" in views:
            raise BadInput(
                f"Grid {self.grid.name} fuses tests of {how.video_clips}x{how.video_crops} views, which its protocol "
                "has as the video-level test; set evaluation.video_clips to 0."
            )
        return stage.with_views(views) if views else stage

    def _chain(
        self,
        model: str,
        data: str,
        seed: int,
        frames: tuple[int, ...],
        setting: dict[str, Any],
        root: PlannedRun | None,
    ) -> list[PlannedRun]:
        """The stages of a chain, then its control arm; the first starts from `root` where there is one.

        The control of a stage takes the stage's protocol at the first stage's frames, and starts from the control of
        the stage before, as the stage does from that stage: at every link both have seen the same epochs.
        """

        def after(before: PlannedRun | None, count: int, control: str = "", matches: int = 0) -> PlannedRun:
            transfer = root is not None and before is root
            stage = self._stage(before is not None and not transfer, setting)
            weights = None if before else source_sha256(stage.init, self.folder.parent)
            parent = before.spec.id if before else None
            spec = RunSpec(model, data, count, seed, stage, parent, control, weights_sha256=weights, transfer=transfer)
            run = PlannedRun(spec, run_folder(self.folder / "runs", spec.id), before, matches, setting)
            if before:
                before.children.append(run)
            return run

        stages = [after(root, frames[0])]
        for count in frames[1:]:
            stages.append(after(stages[-1], count))
        arm = stages[:1]
        for count in frames[1:] if "epoch_matched" in self.grid.controls else ():
            arm.append(after(arm[-1], frames[0], "epoch_matched", count))
        return stages + arm[1:]
