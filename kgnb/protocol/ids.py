"""Names of things, and how the derived ones are made.

Derived ids are the same in every process that resumes a run, so an approval
that is asked again after a crash is found again.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NewType

import msgspec

RunId = NewType("RunId", str)
"""32 hexadecimal digits of a random UUID: cannot be guessed."""

NodeId = NewType("NodeId", str)
"""Unique in its run; a node of a nested graph is ``"Outer/Inner"``."""

TaskId = NewType("TaskId", str)
"""One visit of one node: ``"Draft:1"``."""

StreamId = NewType("StreamId", str)
"""One token stream of one attempt: ``"Draft:1.1/1"``."""

ApprovalId = NewType("ApprovalId", str)
ArgsHash = NewType("ArgsHash", str)
Topic = NewType("Topic", str)


def task_id(node_id: NodeId, visit: int) -> TaskId:
    """The id of the ``visit``-th visit (from 1) of a node."""
    return TaskId(f"{node_id}:{visit}")


def stream_id(task: TaskId, attempt: int, name: str | int) -> StreamId:
    """The id of a stream; ``name`` is the user's, or its ordinal from 1."""
    return StreamId(f"{task}.{attempt}/{name}")


def approval_id(run: RunId, task: TaskId, name: str | int) -> ApprovalId:
    """The id of an approval: run, visit of the node, and ordinal or name."""
    key = msgspec.json.encode([run, task, name])
    return ApprovalId(hashlib.sha256(key).hexdigest()[:20])


def args_hash(
    message: str, options: Any, schema: Any, payload: Any, rules: Any = None
) -> ArgsHash:
    """The hash of what is shown: who answers it answers exactly this.

    Args:
        message: The question.
        options: Its buttons.
        schema: Its form.
        payload: What it is about.
        rules: How votes are counted; None where one answer decides.
    """
    parts = [message, options, schema, payload]
    if rules is not None:
        parts.append(rules)
    shown = msgspec.json.encode(parts, order="sorted")
    return ArgsHash(hashlib.sha256(shown).hexdigest()[:32])


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds, of seconds since the epoch."""
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_to_the_second(whole)}.{micros // 1000:03d}Z"


@lru_cache(maxsize=16)
def _to_the_second(whole: int) -> str:
    """Kept, since a run stamps thousands of events in one."""
    return datetime.fromtimestamp(whole, UTC).isoformat().removesuffix("+00:00")


def seconds(stamp: str) -> float:
    """The inverse of :func:`timestamp`, for any RFC 3339 stamp."""
    return datetime.fromisoformat(stamp).timestamp()
