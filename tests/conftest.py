"""For all tests: what a test starts, it stops.

Threads, child processes, sockets and files that outlive their test fail it.
Unawaited coroutines, unclosed sockets and tasks that died unheard are warnings,
and warnings are errors (pyproject.toml).
"""

import contextlib
import gc
import shutil
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent / "browser"))  # for harness

from harness import CHROMIUM_ARGS

# Started once a process, by others, and there to stay.
STAYING = (
    "asyncio_",
    "ThreadPoolExecutor",
    "pytest_timeout",
    "Dummy-",
    "IPythonHistory",
    "GarbageCollectorThread",  # pyzmq's, at the first message that it need not copy
)
PATIENCE = 5.0


def threads():
    return {
        thread
        for thread in threading.enumerate()
        if thread.is_alive()
        and not thread.name.startswith(STAYING)
        and type(thread).__name__ not in STAYING
    }


def children():
    return {child for child in psutil.Process().children() if child.is_running()}


def descriptors():
    """Open sockets and files, each named by what the system calls it."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own, closed by now
            found.add(str(link.readlink()))
    return {name for name in found if name.startswith(("socket:", "/"))} - {"/dev/null"}


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test(request):
    """Compare before and after, with patience for what is just ending."""
    before = threads() | children() | descriptors()
    yield
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        left = (threads() | children() | descriptors()) - before
        if not left:
            return
        gc.collect()
        time.sleep(0.02)
    pytest.fail(f"left running by {request.node.name}: {left}")


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium. Playwright keeps a loop running in this thread while it
    lives, so that it may not outlive its module: others run loops of their own.
    """
    path = shutil.which("chromium")
    assert path, "Debian's chromium is needed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()
