"""What tests of synapses in Brian2 share."""

import pytest

from brianpresyn.targets import code_generation


@pytest.fixture
def on_numpy():
    """Run on numpy, which has nothing to compile."""
    with code_generation("numpy"):
        yield
