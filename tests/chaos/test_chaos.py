"""A few kills of `make chaos`, one of each kind."""

import random
import sys

import pytest

from tests.chaos.__main__ import Chaos
from tests.chaos.kills import KINDS, drawn
from tests.sweep.conftest import calibrated, grid, made, whole  # noqa: F401, fixtures


@pytest.mark.parametrize("number", [7, 20, 50, 100])
def test_every_kind_of_kill_is_among_them(number):
    kills = drawn(number, random.Random(1))
    assert len(kills) == number
    assert {kill.kind for kill in kills} == set(KINDS)
    assert [kill.kind for kill in kills] == [kill.kind for kill in drawn(number, random.Random(1))]


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes to kill in /proc")
def test_a_sweep_killed_at_random_moments_ends_byte_for_byte_like_one_that_was_not(
    whole, grid, calibrated, tmp_path, capsys  # noqa: F811, fixtures
):  # fmt: skip
    chaos = Chaos(tmp_path, len(KINDS), seed=0)
    chaos.data, chaos.grid, chaos.undisturbed = calibrated, grid, whole[0]
    assert chaos.run() == len(KINDS), capsys.readouterr().out
