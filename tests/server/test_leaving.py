"""Signals that an application hears, and passes on."""

import asyncio
import signal

import pytest

from kgnb.server.asgi.leaving import EndOfProcess


@pytest.fixture
def sent():
    """What reaches whoever had the signal first."""
    found = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: found.append(number))
    yield found
    signal.signal(signal.SIGTERM, before)


def listening(heard):
    end = EndOfProcess(heard)
    end.listen()
    return end


async def test_signal_is_heard_on_the_loop_and_passed_on(sent):
    heard = asyncio.Event()
    end = listening(heard.set)
    signal.raise_signal(signal.SIGTERM)
    await asyncio.wait_for(heard.wait(), 5)
    end.stop()
    assert sent == [signal.SIGTERM]


async def test_signal_that_was_given_back_is_heard_no_more(sent):
    heard = []
    end = listening(lambda: heard.append(1))
    end.stop()
    end.stop()
    signal.raise_signal(signal.SIGTERM)
    await asyncio.sleep(0)
    assert (heard, sent) == ([], [signal.SIGTERM])


async def test_signal_of_two_applications_is_passed_on_when_the_first_has_stopped(sent):
    heard = []
    first = listening(lambda: heard.append("first"))
    second = listening(lambda: heard.append("second"))
    first.stop()
    signal.raise_signal(signal.SIGTERM)
    await asyncio.sleep(0)
    second.stop()
    assert (heard, sent) == (["second"], [signal.SIGTERM])
