"""The one table of close codes and HTTP statuses."""

from __future__ import annotations

from typing import NamedTuple


class Close(NamedTuple):
    """Why a socket ends; ``reason`` is part of the contract."""

    code: int
    reason: str


NORMAL = Close(1000, "")
PROTOCOL = Close(1002, "Protocol error")
NOT_UTF8 = Close(1007, "Invalid UTF-8")
POLICY = Close(1008, "Policy violation")
TOO_LARGE = Close(1009, "message too big")
INTERNAL = Close(1011, "Internal error")
RESTARTING = Close(1012, "Service restart")
STARTING = Close(1013, "Try again later")
UNAUTHORIZED = Close(4001, "Unauthorized")
FORBIDDEN = Close(4003, "Forbidden")
NO_SUCH_WORKFLOW = Close(4004, "No such workflow")
IDLE = Close(4008, "Idle")
SLOW = Close(4009, "Slow consumer")
AT_CAPACITY = Close(4013, "At capacity")
RATE_LIMITED = Close(4029, "Rate limit exceeded")

GONE = 1006
"""Never sent: the peer went without a close frame (RFC 6455 section 7.1.5)."""

BY_CODE: dict[int, Close] = {
    close.code: close
    for close in (
        NORMAL,
        PROTOCOL,
        NOT_UTF8,
        POLICY,
        TOO_LARGE,
        INTERNAL,
        RESTARTING,
        STARTING,
        UNAUTHORIZED,
        FORBIDDEN,
        NO_SUCH_WORKFLOW,
        IDLE,
        SLOW,
        AT_CAPACITY,
        RATE_LIMITED,
    )
}

_STATUS: dict[str, int] = {
    "unauthorized": 401,
    "forbidden": 403,
    "rate_limited": 429,
    "too_large": 413,
    "unknown_type": 400,
    "invalid": 400,
    "no_such_workflow": 404,
    "no_such_run": 404,
    "no_such_approval": 404,
    "no_such_link": 404,
    "already_answered": 409,
    "expired": 410,
    "conflict": 409,
    "gap": 410,
    "unavailable": 503,
    "internal": 500,
}


def http_status(code: str) -> int:
    """The HTTP status of an error code."""
    return _STATUS.get(code, 500)


_REASON = 123
"""Bytes that a close frame has for its reason (RFC 6455 section 5.5)."""
_SENDABLE = frozenset((*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)))


def sendable(code: int) -> bool:
    """Whether a close frame may carry ``code`` (RFC 6455 section 7.4)."""
    return code in _SENDABLE


def fitted(code: int, reason: str) -> Close:
    """What of a code and a reason a close frame can carry."""
    short = reason.encode()[:_REASON].decode(errors="ignore")
    return Close(code if sendable(code) else NORMAL.code, short)
