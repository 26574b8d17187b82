"""How an update is divided among processes: each clip once, in order, and masks and batches that do not change."""

from itertools import chain
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from suite.evaluation.group import Group
from suite.models.layers import KeyedDropout
from suite.spec import BadInput
from suite.training.division import Division
from suite.training.loop import Batches
from tests.training.builders import run_spec

counts = st.integers(1, 12)


def divisions(parts, per_step, processes):
    protocol = SimpleNamespace(batch=parts * per_step, per_step=per_step)
    return [Division.of(protocol, processes, rank) for rank in range(processes)]


@given(counts, counts, counts)
def test_each_clip_of_an_update_goes_to_one_process_in_order(parts, per_step, processes):
    try:
        ranks = divisions(parts, per_step, processes)
    except BadInput:
        assert parts % processes
        assert per_step % processes
        return
    update = list(range(parts * per_step))
    dealt = [[update[d.clips(part)] for part in d.own_parts] for d in ranks]
    assert len({tuple(map(len, of_rank)) for of_rank in dealt}) == 1  # they work for the same time
    joined = (chain(*shares) for shares in zip(*dealt, strict=True)) if ranks[0].splits else chain(*dealt)
    micro_batches = list(map(list, joined))
    assert micro_batches == [update[i : i + per_step] for i in range(0, len(update), per_step)]


@pytest.mark.parametrize(
    ("parts", "per_step", "processes", "words"),
    [
        (1, 32, 3, "3 processes cannot divide a batch of 1 x 32 clips evenly; use 2, 4, 8, 16 or 32 processes."),
        (1, 1, 2, "use one process."),
    ],
)
def test_batches_that_cannot_be_divided_name_numbers_that_fit(parts, per_step, processes, words):
    with pytest.raises(BadInput) as caught:
        divisions(parts, per_step, processes)
    assert words in str(caught.value)


@pytest.mark.parametrize("step_batch", [2, 8])
def test_the_batches_of_all_processes_are_those_of_one(step_batch):
    spec = run_spec(step_batch=step_batch)
    whole = list(Batches(spec, 20, start=1))
    shares = [list(Batches(spec, 20, 1, Division.of(spec.protocol, 4, rank))) for rank in range(4)]
    one = [clip for batch in whole for clip in batch]
    together = [clip for shared in zip(*shares, strict=True) for batch in shared for clip in batch]
    assert together == one


def test_a_share_of_a_batch_has_its_part_of_the_mask_of_the_whole():
    layer, x = KeyedDropout(0.5), torch.rand(6, 3)
    layer.key = 7
    whole = layer(x)
    shares = []
    for rank in range(3):
        layer.share = (rank, 3)
        shares.append(layer(x.chunk(3)[rank]))
    assert torch.equal(torch.cat(shares), whole)


def test_one_process_asks_nobody():
    one = Group()
    assert (one.sums(1.5, 2), one.any_of(False, True), one.to_main("a")) == ((1.5, 2), (False, True), ["a"])
    assert one.main
    assert one.from_main("b") == "b"
