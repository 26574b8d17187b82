"""A run of a plan and its place among the others."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from suite.store.evaluations import result_of
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec
from suite.sweep.work import NOTHING, Work


def settings_text(settings: Mapping[str, Any]) -> str:
    """Protocol keys in order, as `--set` takes them: epochs=1,lr=0.1."""
    return ",".join(f"{key}={_value_text(settings[key])}" for key in sorted(settings))


def _value_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass
class PlannedRun:
    """A run and its place in the forest; `cost_macs`, in multiply-adds, leaves out a training that is finished."""

    spec: RunSpec
    folder: RunFolder  # of an earlier name, or in another grid, where the run was finished there
    parent: PlannedRun | None = None
    matches: int = 0  # control runs: the frames of the stage that has seen as many epochs
    setting: dict[str, Any] = field(default_factory=dict)  # its values of the protocol keys of `axes` and `tune`
    gmacs: float = 0.0
    conv_gmacs: float = 0.0
    params: int = 0
    gib: float = 0.0  # device memory of one step, a rough upper estimate
    seconds: float = 0.0  # that it still needs on a node of a cluster, where that can be estimated
    training: Work = NOTHING
    testing: Work = NOTHING
    cost_macs: float = 0.0
    whole_macs: float = 0.0  # of its training and test, finished or not
    children: list[PlannedRun] = field(default_factory=list)
    archived_id: str = ""  # of a run in an archive: it keeps the id that it had there
    again: bool = False  # to be trained anew, whatever its folder has (`suite.sweep.rerun`)
    _tested: bool = False

    @property
    def id(self) -> str:
        return self.archived_id or self.spec.id

    def point_to(self, folder: RunFolder) -> None:
        """Takes another folder for the run: that of another grid that has finished it, or its own."""
        self.folder, self._tested = folder, False
        if not folder.result_file.exists():
            self.cost_macs = self.whole_macs

    def result(self) -> dict[str, Any] | None:
        """What its training and the tests that are planned for it gave; None while something is missing."""
        return None if self.again else result_of(self.folder, self.spec)

    def is_over(self, running: Container[str]) -> bool:
        """Whether it has a result and its process, were it among the ids that are `running`, has ended."""
        return self.id not in running and self.folder.result_file.exists()

    @property
    def pretrains(self) -> bool:
        """Whether runs of the plan start from its weights on other data."""
        return any(child.spec.transfer for child in self.children)

    @property
    def control(self) -> str:
        """`epoch_matched:16` for the control of a 16-frame stage; empty for the stages themselves."""
        return f"{self.spec.control}:{self.matches}" if self.spec.control else ""

    @property
    def setting_text(self) -> str:
        """`lr=0.1,weight_decay=0`; empty without such keys."""
        return settings_text(self.setting)

    @property
    def axes_text(self) -> str:
        """`setting_text` without what was tuned: what stands behind the name of its model in tables."""
        return settings_text({key: value for key, value in self.setting.items() if key not in self.spec.protocol.tuned})

    @property
    def label(self) -> str:
        """The name of its model in tables, with its values of axes behind it."""
        return f"{self.spec.model} ({self.axes_text})" if self.axes_text else self.spec.model

    def state(self) -> str:
        """done, running, queued, lost, failed, blocked (a run before it in the chain failed) or todo."""
        state = "todo" if self.again else self.folder.state()
        if state == "done" and not self._tested:
            self._tested = self.result() is not None
            if not self._tested:  # trained, and to be tested in another way than it was
                state = self.folder.state_of_test()
        if state == "todo" and self.parent is not None and self.parent.state() in ("failed", "blocked"):
            return "blocked"
        return state

    def blocked_by(self) -> PlannedRun | None:
        """The run before it in the chain that failed."""
        before = self.parent
        while before is not None and before.state() != "failed":
            before = before.parent
        return before

    def chain_cost(self) -> float:
        """Multiply-adds from here to the end of the longest chain that hangs on this run."""
        return self.cost_macs + max((child.chain_cost() for child in self.children), default=0.0)
