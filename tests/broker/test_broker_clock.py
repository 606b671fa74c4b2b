import time

import pytest

from kgnb.broker.clock import steady_clock


def test_steady_clock_shows_the_time_of_day():
    assert steady_clock()() == pytest.approx(time.time(), abs=1)


@pytest.mark.parametrize("jump", [7200, -7200, 86_400, -86_400])
def test_steady_clock_when_the_machines_is_set_runs_on(monkeypatch, jump):
    clock = steady_clock()
    before, wall = clock(), time.time()
    monkeypatch.setattr(time, "time", lambda: wall + jump)
    assert 0 <= clock() - before < 5
