"""For all tests: what a test starts, it stops.

Threads, child processes, sockets and files that outlive their test fail it.
Unawaited coroutines, unclosed sockets and tasks that died unheard are warnings,
and warnings are errors (pyproject.toml).
"""

import contextlib
import gc
import shutil
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent / "browser"))  # for harness
sys.path.insert(0, str(Path(__file__).parent))  # for postgres_harness and its like

import canaries
import postgres_harness
import redis_harness
import tally
from harness import CHROMIUM_ARGS, PINNED

REPO = Path(__file__).parent.parent

# Started once a process, by others, and there to stay.
STAYING = (
    "asyncio_",
    "ThreadPoolExecutor",
    "pytest_timeout",
    "Dummy-",
    "IPythonHistory",
    "litellm-logging",
    "GarbageCollectorThread",  # pyzmq's, at the first message that it need not copy
)
PATIENCE = 5.0
RERUNS = {
    "browser": 2,
    "deploy": 1,
    "faults": 1,
    "llm": 1,
    "notebooks": 1,
    "runtime": 1,
    "server": 1,
    "tools": 1,
    "web": 1,
}
"""How often a test is tried again before it fails, by its folder: real servers,
kernels and browsers on machines that are shared and noisy. What was tried again is
named above pytest's closing line."""


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0]
        if folder in RERUNS:
            # What was lost once is lost: that is no noise of the machine.
            once = {"reruns": RERUNS[folder], "rerun_except": ["BrokenPromisesError"]}
            item.add_marker(pytest.mark.flaky(**once))


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.write_line(f"tried again: {report.nodeid}")
    for line in tally.lines():
        terminalreporter.write_line(f"counted: {line}")


def pytest_sessionfinish(session):
    tally.hand_over(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    tally.take(node)


def threads():
    return {
        thread
        for thread in threading.enumerate()
        if thread.is_alive()
        and not thread.name.startswith(STAYING)
        and type(thread).__name__ not in STAYING
    }


def children():
    stores = postgres_harness.RUNNING | redis_harness.RUNNING
    return {
        child
        for child in psutil.Process().children()
        if child.is_running() and child.pid not in stores
    }


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
    while left := (threads() | children() | descriptors()) - before:
        if time.monotonic() > deadline:
            pytest.fail(f"left running by {request.node.name}: {left}")
        gc.collect()  # may itself take seconds, hence one more look after it
        time.sleep(0.02)


@pytest.fixture(scope="session")
def canary_watch(tmp_path_factory):
    """Looks for the tests' secrets; what tests left is looked through at the end."""
    watch = canaries.Watch()
    watch.start()
    yield watch
    watch.stop()
    watch.look(tmp_path_factory.getbasetemp())
    assert watch.found == []


@pytest.fixture(autouse=True)
def _no_secret_is_logged(canary_watch):
    yield
    found, canary_watch.found = canary_watch.found, []
    assert found == []


@pytest.fixture(scope="session")
def collect():
    """Of test ids, those that pytest collects; parameters are left out of both."""

    def collected(named):
        files = sorted({test.partition("::")[0] for test in named})
        present = [file for file in files if (REPO / file).is_file()]
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *present]
        done = subprocess.run(
            command, cwd=REPO, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        lines = [line for line in done.stdout.splitlines() if "::" in line]
        return {line.partition("[")[0].strip() for line in lines} & set(named)

    return collected


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


@pytest.fixture(scope="session")
def postgres():
    """A real PostgreSQL; see ``postgres_harness.Postgres``."""
    with postgres_harness.serving() as server:
        yield server


@pytest.fixture(scope="session")
def redis():
    """A real Redis; see ``redis_harness.Redis``."""
    with redis_harness.serving() as server:
        yield server


@pytest.fixture(scope="session")
def ipykernel_folder(tmp_path_factory):
    """Installs the ipykernel of a kernel's name beside the others, once; its folder.

    None for ``python3``, which has the installed one.
    """

    @cache
    def folder(name):
        if name == "python3":
            return None
        target = tmp_path_factory.mktemp(name)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        options = ["--disable-pip-version-check", "--target", str(target)]
        wanted = f"ipykernel=={PINNED[name]}"
        subprocess.run([*pip, *options, wanted], check=True)
        return target

    return folder


def pytest_generate_tests(metafunc):
    """A test that takes ``hostile`` is run with every text that once broke a page."""
    if "hostile" in metafunc.fixturenames:
        metafunc.parametrize("hostile", XSS, ids=[ascii(text) for text in XSS])


XSS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    '"><script>alert(1)</script>',
    "'><script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "</text></svg><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</pre><iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<math><mtext><script>alert(1)</script></mtext></math>",
    "<body onload=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<object data='javascript:alert(1)'>",
    "<embed src='javascript:alert(1)'>",
    "<form action='javascript:alert(1)'><button>x</button></form>",
    "<base href='//evil.example/'>",
    "<link rel=stylesheet href='//evil.example/x.css'>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<style>*{background:url(//evil.example)}</style>",
    "<!--<script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]>&a;",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "<image xlink:href='//evil.example/x.png'>",
    "<use href='data:image/svg+xml,<svg/>'>",
    "<animate onbegin=alert(1) attributeName=x>",
    "\x00<script\x00>alert(1)</script>",
    "\u202e<tpircs>",
    "\ud800<b>",
    "{{7*7}}${7*7}",
    "`${alert(1)}`",
]
