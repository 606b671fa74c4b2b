"""What a node prints and logs goes to its log, and still to the cell.

While runs live, ``sys.stdout`` and ``sys.stderr`` are wrapped; the wrapper asks the
context variable whose output it is, so code outside runs is not touched. Log records
are seen as they are made: a handler of our own on the root logger would silence
Python's last resort and make a later ``basicConfig()`` do nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO

from kgnb.graph.context import current_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_formatter = logging.Formatter()


class _Tee:
    """A text stream that tells the current node's log what it writes."""

    def __init__(self, original: TextIO, name: str) -> None:
        self._original = original
        self._name = name

    def write(self, text: str) -> int:
        """Write to the original, after the log has it."""
        context = current_context.get()
        # A handler that writes a record here repeats what the log has as a record.
        is_record = sys._getframe(1).f_globals.get("__name__") == "logging"  # noqa: SLF001 - as logging itself does
        if context is not None and text and not is_record:
            context.output(self._name, str(text))
        return self._original.write(text)

    def writelines(self, lines: Any) -> None:
        """Write each; the original's own would go past us."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


class _Capture:
    """Installed while at least one run lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._tees: dict[str, _Tee] = {}
        self._make_record: Callable[..., logging.LogRecord] | None = None
        self._ours: Callable[..., logging.LogRecord] | None = None

    def begin(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._install()

    def end(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._remove()

    def _install(self) -> None:
        for name in ("stdout", "stderr"):
            original = getattr(sys, name)
            if original is not None:  # pythonw has none
                self._tees[name] = _Tee(original, name)
                setattr(sys, name, self._tees[name])
        make_record = logging.getLogRecordFactory()

        def ours(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make_record(*args, **kwargs)
            _note(record)
            return record

        self._make_record, self._ours = make_record, ours
        logging.setLogRecordFactory(ours)

    def _remove(self) -> None:
        # Who replaced ours meanwhile keeps his; ours stays harmless beneath.
        for name, tee in self._tees.items():
            if getattr(sys, name) is tee:
                setattr(sys, name, tee._original)  # noqa: SLF001 - our own class
        self._tees.clear()
        if logging.getLogRecordFactory() is self._ours and self._make_record:
            logging.setLogRecordFactory(self._make_record)

    def renew_lock(self) -> None:
        """In a forked child: a thread of its parent may have held it."""
        self._lock = threading.Lock()


_capture = _Capture()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_capture.renew_lock)


@contextlib.contextmanager
def capturing() -> Iterator[None]:
    """Capture the output of nodes meanwhile; may be nested, in any thread."""
    _capture.begin()
    try:
        yield
    finally:
        _capture.end()


def _note(record: logging.LogRecord) -> None:
    context = current_context.get()
    if context is None:
        return
    try:
        text = record.getMessage()
    except (TypeError, ValueError, KeyError):
        text = str(record.msg)  # logging itself will report the wrong arguments
    if record.exc_info:
        text = f"{text}\n{_formatter.formatException(record.exc_info)}"
    if not text.startswith(f"{record.name}: "):  # as nodes' own loggers say it
        text = f"{record.name}: {text}"
    context.output("logging", f"{text}\n", record.levelname)
