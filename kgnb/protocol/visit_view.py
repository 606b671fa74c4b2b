"""Nodes and their visits, as picture and timeline show them; breaks between processes.

A part of the fold in ``view.py``; ``kgnb/web/src/reduce-visits.js`` is its twin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from kgnb.protocol import events as e
from kgnb.protocol.live_view import ProgressView, TrackView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgnb.protocol.live_view import StreamView

NODE_ENDED = frozenset({"completed", "failed", "skipped", "cancelled"})

MARK_EVERY = 10.0
"""Per cent from one mark of a visit to the next: there are few, however long it is."""


class NodeView(msgspec.Struct, kw_only=True):
    """One box: a visit of it, and how many there were.

    The visit is the one that began last; where several overlap (passes of a graph at
    the same time) and it has ended, one of those still under way. One that failed
    stays until another begins.
    """

    status: Literal[
        "idle",
        "running",
        "waiting",
        "retrying",
        "completed",
        "failed",
        "skipped",
        "cancelled",
        "interrupted",
    ] = "idle"
    visits: int = 0
    active: int = 0
    """Visits under way."""
    task_id: str | None = None
    attempt: int = 0
    progress: ProgressView | None = None
    items: dict[str, ProgressView] = {}
    tracks: dict[str, TrackView] = {}
    """Bars beside and below the main ones, by item and place: ``"2"``, ``"0/1.1"``."""
    usage: e.Usage | None = None
    """Of all its streams, those of failed attempts and earlier visits included."""
    message: str | None = None
    duration: float | None = None
    action: str | None = None
    error: e.Problem | None = None


class MarkView(msgspec.Struct, kw_only=True):
    """How far a visit was, and when."""

    at: str
    percent: float


class VisitView(msgspec.Struct, kw_only=True):
    """One bar of the timeline."""

    node_id: str
    task_id: str | None
    status: e.NodeStatus | Literal["interrupted"]
    started_at: str
    ended_at: str | None = None
    attempts: int = 1
    duration: float | None = None
    action: str | None = None
    via: e.Via | None = None
    """The visit that led here; None for the first, and for one that begins again."""
    marks: list[MarkView] = []


class InterruptionView(msgspec.Struct, kw_only=True):
    """A durable run ended early, and went on in a new process."""

    status: Literal["completed", "failed", "cancelled", "lost"]
    """As what it had ended."""
    at: str
    reason: str | None
    resumed_at: str


def tell_visit(visit: VisitView, event: e.NodeUpdate) -> None:
    """Bring a visit up to date."""
    visit.attempts = max(visit.attempts, event.attempt or 1)
    visit.status = event.status
    if event.status in NODE_ENDED:
        visit.ended_at = event.timestamp
        visit.duration = event.duration
        visit.action = event.action


def mark_visit(visit: VisitView, bar: ProgressView, at: str) -> None:
    """Remember when a visit had come how far."""
    last = visit.marks[-1].percent if visit.marks else 0.0
    if bar.percent - last >= MARK_EVERY:
        visit.marks.append(MarkView(at=at, percent=bar.percent))


def items_done(items: Mapping[str, ProgressView]) -> dict[str, ProgressView]:
    """Those that a visit which begins again does not repeat."""
    return {
        name: bar
        for name, bar in items.items()
        if bar.percent >= 100 and not bar.failed  # noqa: PLR2004  # per cent
    }


def retire_streams(
    streams: list[StreamView], task_id: str | None, kept: Mapping[str, object], nth: int
) -> None:
    """A visit begins again: what it said is no more, but for the items that are done.

    Args:
        streams: All streams.
        task_id: The visit's.
        kept: The items done.
        nth: The interruption, from 1: the visit speaks anew under the same ids, so
            that the old texts get others.
    """
    for known in streams:
        if known.task_id == task_id and known.item not in kept:
            if not (known.superseded and known.stream.startswith("~")):
                known.stream = f"~{nth}~{known.stream}"
            known.superseded = True
