"""Keeps credentials out of what uvicorn says at its levels DEBUG and TRACE.

There it, and ``websockets`` under it, print every handshake as it came and every frame
(``--log-level debug``), and the whole scope, before an application has seen it
(``trace``): tokens in addresses and headers, and what people say to each other. None of
that may reach a log, so these loggers begin at INFO, whatever was asked for. A filter
and not a level, which uvicorn sets after the application was made.
"""

from __future__ import annotations

import logging

_LOGGERS = ("uvicorn.error", "uvicorn.asgi")


def hush() -> None:
    """Begin; for the whole process, and safe to call twice."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_may_be_told)


def _may_be_told(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO
