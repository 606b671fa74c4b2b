"""Where a durable run belongs: the cell or script that would begin it again."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import platformdirs

from kgnb.runtime import process

if TYPE_CHECKING:
    from collections.abc import Mapping

SESSION_NAME = "JPY_SESSION_NAME"
"""Jupyter Server's word to a kernel: the path of its notebook."""
LOG_URL = "KGNB_LOG_URL"
"""Where durable runs are kept that no server keeps."""


def _script() -> Path | None:
    """The file that this process runs."""
    name = getattr(sys.modules.get("__main__"), "__file__", None)
    return None if name is None else Path(name).resolve()


def program(environ: Mapping[str, str] = os.environ) -> str | None:
    """What stays the same when a notebook's kernel or a script is started anew.

    None where there is nothing: at Python's prompt, or in a file without a name.
    """
    kernel = process.kernel()
    if kernel is not None:
        # VS Code's Jupyter extension tells its kernels in this variable.
        own = getattr(kernel.shell, "user_ns", {}).get("__vsc_ipynb_file__")
        return environ.get(SESSION_NAME) or own or process.kernel_id()
    script = _script()
    return None if script is None else str(script)


def key_of(workflow: str, begins_with: str) -> str | None:
    """What a run has in common with those that the same code begins in the same way.

    Args:
        workflow: Its name.
        begins_with: A digest of what it begins with: a loop over many inputs must not
            take one's run for another's.
    """
    where = program()
    if where is None:
        return None
    parts = [where, process.cell(), workflow, begins_with]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def digest_of(value: Any) -> str:
    """A digest of JSON's types."""
    data = msgspec.json.encode(value, order="sorted")
    return hashlib.sha256(data).hexdigest()


def own_log() -> tuple[str, str]:
    """Where this program keeps durable runs without a server: a kernel's id and a URL.

    The id is the same in each process of the program, so that its runs are known to be
    lost as soon as the next one comes.
    """
    where = program() or f"prompt in {Path.cwd()}"
    short = hashlib.sha256(where.encode()).hexdigest()[:16]
    url = os.environ.get(LOG_URL)
    if not url:
        folder = Path(platformdirs.user_data_dir("kgnb")) / "durable"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = "".join(c if c.isalnum() else "-" for c in Path(where).stem)[:40]
        url = f"sqlite://{folder / f'{name}-{short}.db'}"
    return f"program-{short}", url
