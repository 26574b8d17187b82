"""Models with predictions on two data sets."""

import pytest

from tests.collect.builders import MODELS, fabricate
from tests.from_rows import gather


@pytest.fixture(scope="module")
def rows():
    return fabricate(MODELS, sets=("one", "two"), frames=(8, 16))


@pytest.fixture(scope="module")
def evidence(rows):
    return gather(rows)
