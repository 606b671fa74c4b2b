"""The pytest plugin: notebooks that pytest runs are run in CI mode.

``pytest --kgnb notebooks/`` runs each notebook in a kernel of its own; see
``kgnb.testing.notebook_tests``. Those that nbval and nbmake run are run in CI mode,
too, with the answers that they bring along.

In CI mode nobody clicks: ``run()`` returns when the run has ended, shows one
final display, and an approval without a scripted answer fails at once. Tests that
call ``kgnb`` themselves are left alone; for them there are the fixtures
``kgnb_answers``, ``kgnb_clock`` and ``run_graph``.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from kgnb.testing.clock import Clock
    from kgnb.testing.notebook_tests import NotebookFile
    from kgnb.testing.scripted import ScriptedAnswers

MODE = "KGNB_MODE"
_OTHERS = ("nbval", "nbval_lax", "nbmake")
"""Options by which other plugins run notebooks."""

_UNREADABLE = pytest.StashKey[str]()
_set_by_us: set[int] = set()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say what there is."""
    group = parser.getgroup("kgnb", "notebooks whose graphs kgnb runs")
    group.addoption(
        "--kgnb",
        action="store_true",
        help="run notebooks, with the answers of their metadata or of "
        "NAME.answers.toml, and compare the records of their runs",
    )
    group.addoption(
        "--kgnb-reports",
        metavar="DIR",
        help="keep each executed notebook there, and a page of it",
    )
    group.addoption(
        "--kgnb-timeout",
        metavar="SECONDS",
        type=float,
        default=120.0,
        help="that a cell may take (by default %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose CI mode for the kernels that other plugins will start."""
    if _others_run_notebooks(config) and MODE not in os.environ:
        os.environ[MODE] = "ci"
        _set_by_us.add(id(config))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the environment as it was."""
    if id(config) in _set_by_us:
        _set_by_us.discard(id(config))
        os.environ.pop(MODE, None)


def _reports_of(config: pytest.Config) -> Path | None:
    """The folder in which an earlier session may have left reports."""
    folder = config.getoption("--kgnb-reports")
    return config.invocation_params.dir / folder if folder else None


def _others_run_notebooks(config: pytest.Config) -> bool:
    return any(config.getoption(name, None) for name in _OTHERS)


def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> NotebookFile | None:
    """Take in notebooks, where they are asked for."""
    if file_path.suffix != ".ipynb" or not parent.config.getoption("--kgnb"):
        return None
    reports = _reports_of(parent.config)
    is_copy = ".ipynb_checkpoints" in file_path.parts
    if is_copy or (reports is not None and file_path.is_relative_to(reports)):
        return None
    try:
        from kgnb.testing.notebook_tests import NotebookFile  # noqa: PLC0415  # extra
    except ImportError as error:
        raise pytest.UsageError(
            f"--kgnb: {error}: pip install 'kgnb[testing]'"
        ) from error
    file: NotebookFile = NotebookFile.from_parent(parent, path=file_path)
    return file


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Hand a notebook's answers to the kernel that another plugin starts for it.

    Kernels inherit pytest's environment: nbval's from the first cell's set-up,
    nbmake's from the test itself.
    """
    is_theirs = item.path.suffix == ".ipynb" and _others_run_notebooks(item.config)
    if not is_theirs:
        return (yield)
    from kgnb.errors import InvalidValue  # noqa: PLC0415  # lazy by design
    from kgnb.testing.notebook_files import notebook_answers  # noqa: PLC0415  # likewise

    with contextlib.ExitStack() as around:
        try:
            around.enter_context(notebook_answers(item.path))
        except InvalidValue as error:  # to raise here would end the session
            item.stash[_UNREADABLE] = str(error)
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a notebook whose answers cannot be read, before its kernel is started."""
    unreadable = item.stash.get(_UNREADABLE, None)
    if unreadable is not None:
        pytest.fail(unreadable, pytrace=False)


# ---- fixtures


@pytest.fixture
def kgnb_answers() -> Iterator[Callable[..., ScriptedAnswers]]:
    """Script the approvals of the rest of a test, as ``kgnb.testing.answers`` does.

    ``kgnb_answers({"Publish?": "publish"})``, called once. Answers that are left over
    at the test's end fail it.
    """
    from kgnb.testing.scripted import answers  # noqa: PLC0415  # lazy by design

    begun: list[ScriptedAnswers] = []

    def begin(*given: Any, **named: Any) -> ScriptedAnswers:
        if begun:
            raise RuntimeError(
                "kgnb_answers(…) was called: give it all answers at once"
            )
        begun.append(answers(*given, **named))
        return begun[0].__enter__()

    yield begin
    for script in begun:
        script.__exit__(None)


@pytest.fixture
def kgnb_clock() -> Clock:
    """Virtual time for deadlines: see ``kgnb.testing.Clock``."""
    from kgnb.testing.clock import Clock  # noqa: PLC0415  # lazy by design

    return Clock()


@pytest.fixture
def run_graph() -> Callable[..., Any]:
    """``kgnb.testing.run_graph``."""
    from kgnb.testing import graph_runs  # noqa: PLC0415  # lazy by design

    return graph_runs.run_graph
