"""Bad input between decoding and delivery: nothing is uncaught, nobody else notices.

A few thousand frames with every test run; `scripts/fuzz` plays a million and more.
"""

import random

import pytest
import target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_frames_that_rot_break_nothing(first):
    for seed in range(first, first + 25):
        assert target.play(random.Random(seed)) == 100


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.randoms(use_true_random=False))
def test_frames_that_hypothesis_makes_break_nothing(chance):
    assert target.play(chance, 10) == 10
