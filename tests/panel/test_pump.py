import contextvars
import logging
import threading

import pytest

from kgnb.panel.pump import Pump


@pytest.fixture
def pump_of():
    made = []

    def make(work, interval=0.0):
        made.append(Pump(work, interval))
        made[-1].start()
        return made[-1]

    yield make
    for pump in made:
        pump.stop()
        assert pump.join(5)


def test_pump_woken_many_times_while_it_works_works_once_more(pump_of):
    entered, go, calls = threading.Event(), threading.Event(), []

    def work():
        calls.append(1)
        entered.set()
        assert go.wait(5)
        return len(calls) < 2

    pump = pump_of(work)
    pump.wake()
    assert entered.wait(5)
    for _ in range(100):
        pump.wake()
    go.set()
    assert pump.join(5)
    assert len(calls) == 2


def test_pump_not_woken_does_nothing(pump_of):
    calls = []
    pump = pump_of(lambda: calls.append(1) or True)
    pump.stop()
    assert pump.join(5)
    assert calls == []


def test_pump_ends_when_the_work_says_so(pump_of):
    pump = pump_of(lambda: False)
    pump.wake()
    assert pump.join(5)


def test_pump_after_an_error_goes_on_and_logs_it(pump_of, caplog):
    calls = []

    def work():
        calls.append(1)
        if len(calls) == 1:
            pump.wake()
            raise ValueError("no")
        return False

    with caplog.at_level(logging.ERROR, "kgnb.panel"):
        pump = pump_of(work)
        pump.wake()
        assert pump.join(5)
    assert len(calls) == 2
    assert caplog.records[0].exc_info[0] is ValueError


def test_pump_works_in_the_context_in_which_it_was_made(pump_of):
    cell = contextvars.ContextVar("cell")
    cell.set("cell 1")
    seen = []
    pump = pump_of(lambda: seen.append(cell.get()))
    cell.set("cell 2")
    pump.wake()
    assert pump.join(5)
    assert seen == ["cell 1"]


def test_pump_stopped_from_within_ends(pump_of):
    pump = pump_of(lambda: pump.stop() or True)
    pump.wake()
    assert pump.join(5)
