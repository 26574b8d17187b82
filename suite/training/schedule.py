"""The learning rate at a step."""

import math

from suite.spec import Protocol


def learning_rate(protocol: Protocol, step: int, steps_per_epoch: int) -> float:
    """Learning rate of update `step` (0-based).  Cosine and warm-up move with the step, milestones with the epoch."""
    epoch = step / steps_per_epoch
    if epoch < protocol.warmup_epochs:
        return protocol.lr * min(1.0, (step + 1) / (protocol.warmup_epochs * steps_per_epoch))
    if protocol.schedule == "cosine":
        span = protocol.epochs - protocol.warmup_epochs
        return protocol.lr * 0.5 * (1 + math.cos(math.pi * (epoch - protocol.warmup_epochs) / span))
    if protocol.schedule == "multistep":
        return protocol.lr * protocol.gamma ** sum(epoch >= m for m in protocol.milestones)
    return protocol.lr
