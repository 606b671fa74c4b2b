"""For the tests of what tests are made with."""

import time

import pytest


@pytest.fixture
def eventually():
    """Wait, bounded, for what another thread does."""

    def wait(condition, seconds=20.0):
        until = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < until, "it did not happen in time"
            time.sleep(0.005)
        return found

    return wait
