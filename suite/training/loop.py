"""The training loop.  Everything random is a function of (seed, epoch, video, purpose) or of (seed, step)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from suite.data.clips import TrainClips, plain_errors, worker_settings
from suite.data.rng import generator, permutation
from suite.device import autocast
from suite.evaluation.control import Control, RunFailed, Stopped
from suite.evaluation.group import Group
from suite.models.inputs import to_network
from suite.models.weights import check_content, read_checkpoint, save_dict
from suite.spec import BadInput
from suite.store.atomic import temporary_of
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec
from suite.training.compiled import compiled, refuse_uncompiled
from suite.training.division import Division
from suite.training.optimiser import optimiser
from suite.training.schedule import learning_rate

CHECK_EVERY = 50  # steps between looks at whether the loss is finite


@dataclass
class Position:
    """Where a run stands: updates made, and the sums of the epoch under way."""

    step: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    seen: int = 0


@dataclass
class Best:
    """The epoch that stands highest on the curve so far, the first of equals; its weights until they are taken up."""

    epoch: int  # 0-based, as in history.jsonl
    top1: float  # percent
    state: dict[str, Tensor] | None


class Batches:
    """Micro-batches of (epoch, index) from update `start` to the last: the order is a function of (seed, epoch).

    Of a run with several processes, those of one process.
    """

    def __init__(self, spec: RunSpec, videos: int, start: int, division: Division | None = None):
        protocol = spec.protocol
        self.division = division or Division.of(protocol, 1)
        self.seed, self.videos, self.epochs = spec.seed, videos, protocol.epochs
        self.batch, self.start = protocol.batch, start
        self.steps_per_epoch = videos // protocol.batch  # the rest of an epoch is dropped: no batch of another size
        if protocol.epochs and not self.steps_per_epoch:
            raise BadInput(
                f"The batch size {protocol.batch} is larger than the number of training videos of "
                f"{spec.dataset}, {videos}."
            )

    @property
    def steps(self) -> int:
        return self.steps_per_epoch * self.epochs

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in range(self.start, self.steps):
            epoch, within = divmod(step, self.steps_per_epoch)
            if within == 0 or step == self.start:
                order = permutation(self.seed, epoch, self.videos)
            chosen = order[within * self.batch : (within + 1) * self.batch]
            for part in self.division.own_parts:
                yield [(epoch, int(index)) for index in chosen[self.division.clips(part)]]


class Trainer:
    """Trains one run, from wherever its checkpoint stands to the last step."""

    def __init__(
        self,
        spec: RunSpec,
        model: nn.Module,
        clips: TrainClips,
        classes: tuple[str, ...],
        folder: RunFolder,
        validate: Callable[[], float] | None = None,
        curve: str = "val",
        group: Group | None = None,
    ):
        """validate: top-1 in percent on the split `curve`, asked for every `evaluation.every_epochs` epochs.

        group: the processes that train the run, each with a Trainer.  Raises BadInput where they cannot divide a batch.
        """
        self.group = group or Group()
        self.division = Division.of(spec.protocol, self.group.world, self.group.rank)
        self.spec, self.model, self.clips, self.classes, self.folder = spec, model, clips, classes, folder
        self.validate, self.curve = validate, curve
        self.best: Best | None = None  # where the protocol selects it
        self.device = next(model.parameters()).device
        self.division.prepare(model, str(self.device))
        self.optimizer = optimiser(model, spec.protocol)
        self.set_position(Position())

    def set_position(self, position: Position) -> None:
        """The sums of the epoch are kept apart by process; what was summed before counts in the first one."""
        self.at, main = position, self.group.main
        self.loss_sum = torch.tensor(position.loss_sum if main else 0.0, dtype=torch.float64, device=self.device)
        self.correct = torch.tensor(position.correct if main else 0, device=self.device)

    def resume(self) -> bool:
        """Goes to where the run's checkpoint stands; False when there is none."""
        if not self.folder.checkpoint.exists():
            return False
        saved = read_checkpoint(self.folder.checkpoint)
        if not isinstance(saved, dict) or saved.get("run") != self.folder.id:
            raise BadInput(f"{self.folder.checkpoint} is not a checkpoint of this run; move its folder away.")
        check_content(saved, self.folder.checkpoint)
        self.model.load_state_dict(saved["state"])
        if saved["optimizer"] is not None:
            self.optimizer.load_state_dict(saved["optimizer"])
        self.best = Best(**saved["best"]) if saved.get("best") else None
        self.set_position(Position(**saved["position"]))
        return True

    def save(self, final: bool = False) -> None:
        """Writes the checkpoint in place of the last one; the final one goes without the optimiser."""
        self.settle()
        if not self.group.main:
            return
        self.folder.require_claim()
        content = save_dict(self.model, self.classes)
        content |= {
            "run": self.folder.id,
            "position": vars(self.at),
            "optimizer": None if final else self.optimizer.state_dict(),
            "best": vars(self.best) if self.best else None,
        }
        temporary = temporary_of(self.folder.checkpoint)
        torch.save(content, temporary)
        self.folder.require_claim()  # saving may have taken long
        temporary.replace(self.folder.checkpoint)

    def train(self, control: Control) -> None:
        """Runs to the last step and keeps the weights that the protocol selects.

        Raises Stopped (state saved) when asked to, RunFailed when the loss or the weights are not finite.
        """
        batches = Batches(self.spec, len(self.clips.manifest.videos), self.at.step, self.division)
        control.report({"step": self.at.step, "steps": batches.steps, "tested": 0, "videos": 0})
        if batches.steps:
            if left := batches.videos % batches.batch:
                self.folder.add_log(f"each epoch leaves out {left} of {batches.videos} videos: all batches are full")
            try:
                self._train(batches, control)
            except Stopped:
                self.save()
                raise
            except Exception as error:
                refuse_uncompiled(error)
                raise
        self._select()
        self.save(final=True)

    def _select(self) -> None:
        """Takes up the weights of the best epoch; without a selection the last ones stay."""
        if self.best and self.best.state:
            self.model.load_state_dict(self.best.state)
            self.best.state = None  # they are the model's now: a final checkpoint holds them once
            self.folder.add_log(f"selected epoch {self.best.epoch + 1}: {self.curve} top-1 {self.best.top1:.2f} %")

    def _train(self, batches: Batches, control: Control) -> None:
        per_epoch = batches.steps_per_epoch
        ended = self.at.step // per_epoch - (self.at.step % per_epoch == 0 and self.at.seen > 0)
        self.folder.keep_history(ended)
        loader = iter(
            DataLoader(
                self.clips,
                batch_sampler=batches,
                pin_memory=control.device.startswith("cuda"),
                prefetch_factor=4 if control.workers else None,
                **worker_settings(control.workers),
            )
        )
        self.start_training()
        saved_at, saved_step, began = time.monotonic(), self.at.step, time.monotonic()
        (stopping,) = self.group.any_of(control.stopping())
        while True:
            if self.at.seen and self.at.step % per_epoch == 0:
                self.end_epoch(batches, time.monotonic() - began)
                began = time.monotonic()
            if self.at.step == batches.steps:
                return
            if stopping:
                raise Stopped(f"stopped at step {self.at.step} of {batches.steps}")
            self.update(loader, batches, control)
            control.report({"step": self.at.step, "steps": batches.steps, "tested": 0, "videos": 0})
            due = (
                self.at.step - saved_step >= control.checkpoint_steps
                if control.checkpoint_steps
                else time.monotonic() - saved_at >= control.checkpoint_seconds
            )
            stopping, due = self.group.any_of(control.stopping(), due)  # all processes at the same step
            if due and self.at.step < batches.steps:
                self.save()
                saved_at, saved_step = time.monotonic(), self.at.step

    def start_training(self) -> None:
        """To be called before the first update."""
        self.model.train()
        self.network = self.division.wrapped(self.model)
        if self.spec.protocol.compile:
            self.network = compiled(self.network, self.device)

    def update(self, loader: Iterator, batches: Batches, control: Control) -> None:
        """One step of the optimiser: the micro-batches of one effective batch."""
        p, model, device = self.spec.protocol, self.model, control.device
        rate = learning_rate(p, self.at.step, batches.steps_per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        parts = self.division.own_parts
        with self.division.statistics_of_all(model):
            for part in parts:
                clips, labels = plain_errors(loader)
                labels = labels.to(device, non_blocking=True)
                model.set_dropout_key(int(generator(self.spec.seed, self.at.step, part, "dropout").integers(2**62)))
                with self.division.without_exchange(self.network, part):
                    with autocast(p.precision, device):
                        logits = self.network(to_network(clips, self.spec.network, device))
                    exact = torch.promote_types(logits.dtype, torch.float32)  # never in half precision
                    loss = F.cross_entropy(logits.to(exact), labels)
                    (loss / len(parts)).backward()
                self.loss_sum += loss.detach().double() * len(labels)  # on the device: no step waits for a number
                self.correct += (logits.argmax(1) == labels).sum()
        if p.clip_gradient:
            nn.utils.clip_grad_norm_(model.parameters(), p.clip_gradient)
        self.optimizer.step()
        self.at.step += 1
        self.at.seen += batches.batch
        if self.at.step % CHECK_EVERY == 0:
            self.settle()

    def settle(self) -> None:
        """Brings the sums of the epoch from the device.  Raises RunFailed when the loss is not finite.

        The loss of a step is computed before its update: `check_weights` looks at what the last one left.
        """
        loss_sum, correct = self.group.sums(self.loss_sum.item(), int(self.correct))
        self.at.loss_sum, self.at.correct = loss_sum, int(correct)
        if not np.isfinite(self.at.loss_sum):
            raise RunFailed(
                f"The loss of {self.folder.id} is not finite at step {self.at.step}; a smaller lr may help."
            )

    def check_weights(self) -> None:
        """Raises RunFailed when a parameter, or a statistic of batch normalisation, is not finite."""
        state = self.model.state_dict()
        finite = [torch.isfinite(value).all() for value in state.values() if value.is_floating_point()]
        if finite and not torch.stack(finite).all():  # one number from the device, once an epoch
            odd = next(key for key, value in state.items() if not torch.isfinite(value).all())
            raise RunFailed(
                f"The weights of {self.folder.id} are not finite after step {self.at.step} (first '{odd}'); a smaller "
                "lr may help."
            )

    def end_epoch(self, batches: Batches, seconds: float) -> None:
        self.settle()
        self.check_weights()
        epoch = self.at.step // batches.steps_per_epoch - 1
        record = {
            "epoch": epoch,
            "step": self.at.step,
            "loss": self.at.loss_sum / self.at.seen,
            "train_top1": 100 * self.at.correct / self.at.seen,
            "lr": self.optimizer.param_groups[0]["lr"],
            "seconds": round(seconds, 3),
        }
        every = self.spec.protocol.evaluation.every_epochs
        if every and self.validate and ((epoch + 1) % every == 0 or epoch + 1 == batches.epochs):
            record[f"{self.curve}_top1"] = top1 = self.validate()
            self.model.train()
            if self.spec.protocol.selection == "best" and (self.best is None or top1 > self.best.top1):
                state = {key: value.detach().to("cpu", copy=True) for key, value in self.model.state_dict().items()}
                self.best = Best(epoch, top1, state)
        self.folder.add_history(record)
        self.folder.add_log(
            f"epoch {epoch + 1}/{batches.epochs} step {self.at.step} loss {record['loss']:.4f} "
            f"train top-1 {record['train_top1']:.1f} % in {seconds:.1f} s"
        )
        self.set_position(Position(self.at.step))
