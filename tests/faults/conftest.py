"""Coroutine tests, on real servers that are broken on purpose.

``KGNB_FAULTS=full`` runs every schedule; without it a few of each kind are run.
"""

import asyncio
import inspect
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from faults_harness import FULL, FaultyServer, injected, seen


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(test(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def pytest_sessionfinish(session):
    """A worker of pytest-xdist hands its figures to the one that writes them."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["faults"] = [dict(injected), dict(seen)]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    given = getattr(node, "workeroutput", {}).get("faults", ({}, {}))
    for counts, more in zip((injected, seen), given, strict=True):
        counts.update(more)


def pytest_terminal_summary(terminalreporter):
    if injected:
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(injected.items()))
        which = "all schedules" if FULL else "samples of each schedule"
        terminalreporter.write_line(
            f"faults: {len(injected)} kinds, {injected.total():,} injections, "
            f"{seen.pop('promises broken', 0):,} promises broken, {which} ({kinds})"
        )
    if seen:
        told = ", ".join(f"{count:,} {what}" for what, count in sorted(seen.items()))
        terminalreporter.write_line(f"checked: {told}")


@pytest.fixture(scope="module")
def settings():
    """Options of the server, beyond the usual; a module may have others."""
    return ()


@pytest.fixture(scope="module")
def server(tmp_path_factory, settings):
    """A real Jupyter server that outlives its own death."""
    with FaultyServer(tmp_path_factory.mktemp("server"), *settings) as server:
        asyncio.run(server.wait_ready(120))
        yield server


@pytest.fixture
def mortal(tmp_path, settings):
    """The same, for one test: it may be killed, and come back as another process."""
    with FaultyServer(tmp_path, *settings) as server:
        asyncio.run(server.wait_ready(120))
        yield server
