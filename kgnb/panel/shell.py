"""The kernel that this code runs in, if it is one."""

from __future__ import annotations

import sys
from typing import Any


def kernel_shell() -> Any:
    """The IPython shell of a kernel, or None in a script or a terminal.

    IPython is never imported for it: where it is not loaded, no kernel runs.
    """
    module = sys.modules.get("IPython.core.getipython")
    shell = module.get_ipython() if module is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None
