"""The harness as fixtures."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from broker_harness import Host

from kgnb.broker import BrokerLimits


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def make_host():
    return Host


@pytest.fixture
def limits():
    return BrokerLimits
