"""Waiting for what a run is to come to."""

import threading
import time


def until(run, look, seconds=10):
    """Wait until ``look()`` holds, asked after each event that the run's view took."""
    found = threading.Event()

    def check():
        if look():
            found.set()

    forget = run.on_change(check)
    try:
        check()
        assert found.wait(seconds), (run.status, run.view.error, run.approvals)
    finally:
        forget()


def stored(run, look, seconds=10):
    """Wait until the run's stored state fits: LangGraph stores beside what it does."""
    by = time.monotonic() + seconds
    while not look(state := run.state().result(seconds)):
        assert time.monotonic() < by, state.snapshot
        time.sleep(0.005)
    return state


def open_approvals(run, count):
    """Wait until so many questions are open; in the order of their messages."""

    def those():
        return [a for a in run.approvals if a.state == "open"]

    until(run, lambda: len(those()) == count)
    return sorted(those(), key=lambda a: a.message)
