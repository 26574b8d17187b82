"""Random numbers that depend on their key alone: never on workers, batching, order or a global seed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def generator(seed: int, *key: int | str) -> np.random.Generator:
    """A fresh generator for `(seed, *key)`, e.g. `generator(seed, epoch, video_id, "crop")`.

    Philox is counter-based, so that a key is a whole stream and costs no warm-up (Salmon et al., SC 2011).
    Keys of different types differ: 1 is not "1".
    """
    import numpy as np

    text = json.dumps([int(seed), *(k if isinstance(k, str) else int(k) for k in key)])
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest, np.uint64)))


def permutation(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order of `n` training videos in an epoch, int64 `(n,)`."""
    return generator(seed, epoch, "order").permutation(n)
