"""Rows that several tests of the report share."""

import pandas as pd
import pytest

from tests.builders import summary_row


@pytest.fixture
def rows():
    modules = {"tsn": 48.0, "tam": 75.0, "s3d": 71.0, "i3d": 80.0}
    return pd.DataFrame([summary_row(module, top1) for module, top1 in modules.items()])
