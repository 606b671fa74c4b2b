"""What kind of process this is: a kernel, a notebook's executor, or a script."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kgnb.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

Mode = Literal["live", "static", "ci"]

MODE = "KGNB_MODE"
TRANSPORTS = "KGNB_TRANSPORTS"
WAYS = ("websocket", "control", "comm")
"""By which a panel in a notebook can reach its run, the best first."""
_KERNEL_FILE = re.compile(r"kernel-(.+)\.json")


def kernel() -> Any | None:
    """The IPython kernel of this process, or None."""
    ipython = sys.modules.get("IPython")
    if ipython is None:
        return None
    return getattr(ipython.get_ipython(), "kernel", None)


def kernel_id() -> str | None:
    """The id that Jupyter gave this kernel: its connection file is named after it."""
    if kernel() is None:
        return None
    from ipykernel import get_connection_file  # noqa: PLC0415 - only in a kernel

    try:
        name = Path(get_connection_file()).name
    except RuntimeError:  # embedded, or started without a file
        return None
    found = _KERNEL_FILE.fullmatch(name)
    return found.group(1) if found else None


def _parent_message() -> Mapping[str, Any]:
    running = kernel()
    parent: Mapping[str, Any] = {}
    if running is not None:
        parent = running.get_parent("shell") or {}
    return parent


def cell() -> str | None:
    """The cell that is being run: its id, or where the front end tells none, its code.

    None in a script.
    """
    parent = _parent_message()
    metadata, content = parent.get("metadata", {}), parent.get("content", {})
    found: str | None = metadata.get("cellId") or content.get("code")
    return found


def allows_stdin() -> bool:
    """Whether ``input()`` reaches a person: a terminal's, or the front end's."""
    if kernel() is None:
        return sys.stdin is not None and sys.stdin.isatty()
    content = _parent_message().get("content", {})
    return bool(content.get("allow_stdin", False))


def choose_mode(asked: str | None, environ: Mapping[str, str] = os.environ) -> Mode:
    """Who watches a run.

    Args:
        asked: The ``mode=`` of ``run``; else ``KGNB_MODE`` decides, else the cell.
        environ: The process's environment.

    Raises:
        InvalidValue: There is no such mode.
    """
    mode = asked or environ.get(MODE) or None
    match mode:
        case "live" | "static" | "ci":
            return mode
        case None:
            is_headless = kernel() is not None and not allows_stdin()
            return "static" if is_headless else "live"
    where = "mode" if asked else MODE
    raise InvalidValue(f"{where}={mode!r}: expected 'live', 'static' or 'ci'")


def allowed_transports(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The ways that panels may take: all, or those that ``KGNB_TRANSPORTS`` lists.

    A list with commas, such as ``websocket,comm``, rules the others out: where a
    proxy swallows control messages, say, or to see how a panel does without.

    Raises:
        InvalidValue: It names none, or one that there is not.
    """
    told = environ.get(TRANSPORTS, "")
    if not told:
        return WAYS
    names = {name.strip() for name in told.split(",")}
    if not names <= set(WAYS):
        raise InvalidValue(f"{TRANSPORTS}={told!r}: expected some of {', '.join(WAYS)}")
    return tuple(way for way in WAYS if way in names)
