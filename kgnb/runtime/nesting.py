"""``asyncio.run`` inside a cell, for code that was written for a script.

Nothing of kgnb needs nested loops: runs live on a loop thread of their own. This
is for a pasted ``asyncio.run(main())``. nest-asyncio2 is the maintained successor
of nest-asyncio, which is archived and makes ipykernel 7 lose queued cells.
"""

from __future__ import annotations

import asyncio
import sys
import warnings

FIRST_KERNEL_THAT_LOSES_CELLS = 7
_ORIGINAL = "nest_asyncio"


def allow_nested_run() -> None:
    """Let ``asyncio.run`` and ``run_until_complete`` work where a loop runs.

    Patches asyncio for the whole process and cannot be undone. Warns instead
    where the original nest-asyncio was applied before on ipykernel 7 or newer.
    """
    if is_original_applied():
        warn_of_original()
        return
    import nest_asyncio2  # noqa: PLC0415  # patches nothing until applied, but few need it

    nest_asyncio2.apply()


def is_original_applied() -> bool:
    """Whether the archived nest-asyncio has patched this process."""
    return asyncio.run.__module__ == _ORIGINAL


def warn_of_original() -> None:
    """Say what the archived package does to a modern kernel, and the way out."""
    kernel = sys.modules.get("ipykernel")
    if kernel is None or kernel.version_info[0] < FIRST_KERNEL_THAT_LOSES_CELLS:
        return
    warnings.warn(
        "nest_asyncio is applied: on ipykernel 7 it loses cells that are queued "
        "while asyncio.run() runs in one. Remove nest_asyncio.apply() and restart "
        "the kernel; kgnb needs no nested loop, and kgnb.allow_nested_run() makes "
        "asyncio.run() work in cells.",
        RuntimeWarning,
        stacklevel=3,
    )
