"""The pytest plugin: notebooks that pytest runs are run in CI mode.

In CI mode nobody clicks: ``run()`` returns when the run has ended, shows one
final display, and an approval without a scripted answer fails at once. Kernels
inherit the mode from pytest's environment. Tests that call ``kgnb`` themselves
are left alone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

MODE = "KGNB_MODE"
_NOTEBOOK_OPTIONS = ("nbval", "nbval_lax", "nbmake")

_set_by_us: set[int] = set()


def pytest_configure(config: pytest.Config) -> None:
    """Choose CI mode for the kernels that this session will start."""
    runs_notebooks = any(config.getoption(name, None) for name in _NOTEBOOK_OPTIONS)
    if runs_notebooks and MODE not in os.environ:
        os.environ[MODE] = "ci"
        _set_by_us.add(id(config))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the environment as it was."""
    if id(config) in _set_by_us:
        _set_by_us.discard(id(config))
        os.environ.pop(MODE, None)
