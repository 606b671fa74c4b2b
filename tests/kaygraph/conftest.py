"""Every rule holds alone and under ``kgnb.run``: the ``runner`` fixture is both."""

import asyncio

import pytest

import kgnb.graph as kaygraph
from kgnb.runtime import home, hooks, run


def alone(thing, shared):
    """Run it by its own ``run`` or ``run_async``; returns the action."""
    is_async = isinstance(thing, (kaygraph.AsyncGraph, kaygraph.AsyncNode))
    return asyncio.run(thing.run_async(shared)) if is_async else thing.run(shared)


def watched(thing, shared):
    """Run it by ``kgnb.run``, with the broker in this process and no panel."""
    return run(thing, shared, panel=False, mode="live").result(30).action


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    """No link to a server, no display; the run's threads end with the test."""
    for name in ("KGNB_MODE", "KGNB_ANSWERS", "KGNB_LINK_URL"):
        monkeypatch.delenv(name, raising=False)
    hooks.install(None)
    yield
    home.shutdown()
    hooks.install(None)


@pytest.fixture(params=[alone, watched], ids=["alone", "kgnb.run"])
def runner(request):
    """Runs a graph or node on ``shared`` and returns its last action."""
    return request.param
