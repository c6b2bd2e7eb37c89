"""What tests of training share."""

from __future__ import annotations

import pytest

from zoo.data import Data, load_data
from zoo.spec import DataSpec


@pytest.fixture(scope="session")
def digits() -> Data:
    """300 examples less a tenth to validate on: five steps of 64 an epoch, the last one short."""
    return load_data(DataSpec(name="digits", subset=300))
