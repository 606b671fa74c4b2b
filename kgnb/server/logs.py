"""Which log file a server writes, so that no two servers write one.

The broker is the only sequencer of its log: it knows the last seq of a run from
memory, and what it appends it also shows. Two servers on one file would each
miss what the other wrote. One user often runs two servers at once (two
projects, two versions), so a file is *claimed*: the first server takes
``log.sqlite``, a second one at the same time ``log-2.sqlite``, and so on. A
server that is started again takes the first file that is free, which after a
restart is the one it had. Names made of a pid or port would be safe too, but
would lose the history at each restart.

The claim is an exclusive SQLite transaction on a file beside the log. The
system drops it when the process dies, however it dies, and where it cannot be
had (some network file systems) SQLite could not keep the log either.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgnb.errors import Unavailable
from kgnb.storage.sqlite import path_of

if TYPE_CHECKING:
    from pathlib import Path

_SCHEME = "sqlite://"
_MOST = 32
"""Servers of one user at once; past that something else is wrong."""


@dataclass
class Claim:
    """The right to write one log; hold it as long as the log is open."""

    url: str
    _lock: sqlite3.Connection | None = None

    def release(self) -> None:
        """Let another server have the log; safe to call twice."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _lock(path: Path) -> sqlite3.Connection | None:
    """An exclusive hold on ``path``, or None where another process has it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        connection.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return None
        raise
    return connection


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def claim_url(url: str) -> Claim:
    """Claim the log that was configured.

    Raises:
        Unavailable: It is a file that another server writes, or cannot be locked.
        ValueError: It should be a file, and names none.
    """
    if not url.startswith(_SCHEME):
        return Claim(url)
    path = path_of(url)
    try:
        lock = _lock(_beside(path))
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(f"log {path}: cannot be locked: {error}") from error
    if lock is None:
        raise Unavailable(
            f"log {path}: another server writes it; give each server its own log_url"
        )
    return Claim(url, lock)


def claim_in(directory: Path) -> Claim:
    """Claim the first free log file of ``directory``, which is made if missing.

    Raises:
        Unavailable: None is free, or the directory cannot be written.
    """
    for slot in range(1, _MOST + 1):
        name = "log.sqlite" if slot == 1 else f"log-{slot}.sqlite"
        path = directory.absolute() / name
        try:
            lock = _lock(_beside(path))
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(f"log {path}: cannot be locked: {error}") from error
        if lock is not None:
            return Claim(f"{_SCHEME}{path}", lock)
    raise Unavailable(f"log {directory}: all {_MOST} files are in use")
