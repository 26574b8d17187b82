"""Models with predictions on two data sets."""

import pytest

from suite.collect.evidence import gather
from tests.collect.builders import MODELS, fabricate


@pytest.fixture(scope="module")
def rows():
    return fabricate(MODELS, sets=("one", "two"), frames=(8, 16))


@pytest.fixture(scope="module")
def evidence(rows):
    return gather(rows)
