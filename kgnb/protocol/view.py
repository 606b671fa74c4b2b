"""The fold "events → RunView": what a panel shows, from the log alone.

``kgnb/web/src/reduce.js`` is its twin; golden files under ``tests/wire`` hold
both to the same answers. Lists that a long run would grow without end keep
their newest entries and count what they dropped.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, TypeVar

import msgspec

from kgnb.protocol import events as e
from kgnb.protocol.approval_view import (
    ApprovalView,
    show_decision,
    show_question,
    show_votes,
)
from kgnb.protocol.ids import NodeId
from kgnb.protocol.live_view import (
    MessageView,
    StreamView,
    added,
    drop_inner,
    show_message,
    show_progress,
    show_token,
)
from kgnb.protocol.visit_view import (
    NODE_ENDED,
    InterruptionView,
    NodeView,
    VisitView,
    items_done,
    mark_visit,
    retire_streams,
    tell_visit,
)

T = TypeVar("T")

MAX_LOGS = 1000
MAX_TIMELINE = 1000
MAX_CUSTOM = 200
MAX_INTERRUPTIONS = 100

RunStatus = Literal[
    "running",
    "waiting",
    "paused",
    "stalled",
    "completed",
    "failed",
    "cancelled",
    "lost",
]
ENDED = frozenset({"completed", "failed", "cancelled", "lost"})
_QUESTIONS = (e.ApprovalRequest, e.ApprovalVote, e.ApprovalResolved)


class EdgeView(msgspec.Struct, kw_only=True):
    """An arrow that was taken, and how often."""

    source: str
    action: str
    target: str
    count: int = 0


class ActiveEdge(msgspec.Struct, kw_only=True, gc=False):
    """The arrow that was taken last, while the run lives."""

    source: str
    action: str
    target: str


class LogView(msgspec.Struct, kw_only=True):
    """One piece of output."""

    node_id: str
    task_id: str | None
    stream: str
    level: str | None
    text: str


class CustomView(msgspec.Struct, kw_only=True):
    """What a node sent under a name of its own."""

    type: str
    node_id: str
    data: Any


class PauseView(msgspec.Struct, kw_only=True):
    """Why nothing new begins."""

    before: str | None
    """The node at whose breakpoint it stands."""
    by: e.By | None


class RunView(msgspec.Struct, kw_only=True, dict=True):
    """Everything a panel shows of one run."""

    run_id: str = ""
    workflow: str = ""
    status: RunStatus = "running"
    seq: int = 0
    started_at: str | None = None
    ended_at: str | None = None
    params: dict[str, Any] = {}
    session_id: str | None = None
    message: Any = None
    """What was said to start it, where a message did."""
    graph: e.GraphSpec = msgspec.field(default_factory=e.GraphSpec)
    nodes: dict[str, NodeView] = {}
    edges: list[EdgeView] = []
    active_edge: ActiveEdge | None = None
    streams: list[StreamView] = []
    approvals: list[ApprovalView] = []
    messages: list[MessageView] = []
    results: dict[str, Any] = {}
    logs: list[LogView] = []
    logs_dropped: int = 0
    timeline: list[VisitView] = []
    timeline_dropped: int = 0
    custom: list[CustomView] = []
    custom_dropped: int = 0
    usage: e.Usage | None = None
    """Of all its nodes."""
    paused: PauseView | None = None
    durable: bool = False
    resumable: bool = False
    """It is lost, and can go on: nothing in it has been given up."""
    interruptions: list[InterruptionView] = []
    forked_from: e.ForkedFrom | None = None
    result: Any = None
    error: e.Problem | None = None

    @cached_property
    def visits(self) -> dict[str | None, VisitView]:
        """The timeline by task, for the fold alone: no field, so never sent."""
        return {visit.task_id: visit for visit in self.timeline}

    @cached_property
    def taken(self) -> dict[tuple[str, str, str], EdgeView]:
        """The edges by source, action and target, likewise."""
        return {(edge.source, edge.action, edge.target): edge for edge in self.edges}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as the JavaScript twin holds them."""
        plain = msgspec.to_builtins(self)
        assert isinstance(plain, dict)  # noqa: S101  # a struct becomes a dict
        return plain


def fold(view: RunView, event: e.AnyEvent) -> None:
    """Bring ``view`` up to date with ``event``, which must be the next one.

    An event whose ``seq`` the view already has is passed over, so that a
    reader may replay with overlap.
    """
    if event.seq and event.seq <= view.seq:
        return
    if event.seq:
        view.seq = event.seq
    before = view.status
    if view.status == "stalled":
        view.status = "running" if view.paused is None else "paused"
    if isinstance(event, e.Custom):
        _custom(view, event)
    else:
        _FOLD[type(event)](view, event)
    # Other events leave it as it was; a long chat has many questions to look through.
    may_wait = view.status != before or isinstance(event, _QUESTIONS)
    if may_wait and view.status in ("running", "waiting"):
        is_waiting = any(a.state == "open" for a in view.approvals)
        view.status = "waiting" if is_waiting else "running"


def _bounded(entries: list[T], entry: T, limit: int) -> list[T]:
    """Append an entry; what had to go for it."""
    entries.append(entry)
    excess = len(entries) - limit
    if excess <= 0:
        return []
    dropped = entries[:excess]
    del entries[:excess]
    return dropped


def _custom(view: RunView, event: e.Custom) -> None:
    entry = CustomView(type=event.type, node_id=event.node_id, data=event.data)
    view.custom_dropped += len(_bounded(view.custom, entry, MAX_CUSTOM))


def _started(view: RunView, event: e.WorkflowStarted) -> None:
    if event.resumed_from is not None and view.status in ENDED:
        _interrupted(view, event.timestamp)
    view.run_id = event.run_id
    view.workflow = event.workflow
    view.status = "running"
    view.started_at = view.started_at or event.timestamp
    view.ended_at = None
    view.paused = None
    view.params = event.params
    view.session_id = event.session_id
    view.message = event.message
    view.error = None
    view.durable = event.durable
    view.resumable = False
    view.forked_from = event.forked_from or view.forked_from
    _draw(view, event)


def _interrupted(view: RunView, resumed_at: str) -> None:
    entry = InterruptionView(
        status=view.status,  # type: ignore[arg-type]  # it has ended
        at=view.ended_at or resumed_at,
        reason=view.error.message if view.error is not None else None,
        resumed_at=resumed_at,
    )
    _bounded(view.interruptions, entry, MAX_INTERRUPTIONS)


def _draw(view: RunView, event: e.WorkflowStarted | e.GraphChanged) -> None:
    view.graph = event.graph
    for node in event.graph.nodes:
        _node(view, node.id)


def _node(view: RunView, node_id: str) -> NodeView:
    node = view.nodes.get(node_id)
    if node is None:
        node = view.nodes[node_id] = NodeView()
    return node


def _node_update(view: RunView, event: e.NodeUpdate) -> None:
    node = _node(view, event.node_id)
    if event.progress is not None:
        node.message = event.message
        return
    visit = view.visits.get(event.task_id)
    has_ended = event.status in NODE_ENDED
    if visit is not None and visit.ended_at and not has_ended and view.interruptions:
        visit = _visit_again(view, node, event)
    if event.task_id != node.task_id and visit is None:
        if has_ended and view.timeline_dropped:
            node.active = max(0, node.active - 1)  # it began too long ago
            return
        visit = _visit_began(view, node, event)
    if visit is not None:
        tell_visit(visit, event)
    if has_ended:
        node.active = max(0, node.active - 1)
    if event.task_id != node.task_id:
        # Beside the visit that is shown. It is shown in its turn if that one is over.
        if node.status == "failed" or node.status not in NODE_ENDED:
            return
        node.task_id = event.task_id
        node.attempt = 0
    _show_visit(node, event)
    if has_ended and node.active and event.status != "failed":
        _show_another(view, node, event.node_id)


def _show_visit(node: NodeView, event: e.NodeUpdate) -> None:
    node.status = event.status
    # The end of a visit names its first attempt; how far it came is not unsaid.
    node.attempt = max(node.attempt, event.attempt or 0)
    node.message = event.message
    node.error = event.error
    if event.status in NODE_ENDED:
        drop_inner(node.tracks)
        node.duration = event.duration
        node.action = event.action


def _show_another(view: RunView, node: NodeView, node_id: str) -> None:
    """The shown visit is over, but another of the node is under way."""
    for visit in reversed(view.timeline):
        if visit.node_id == node_id and visit.ended_at is None:
            node.task_id = visit.task_id
            node.status = visit.status
            node.attempt = visit.attempts
            node.message = node.error = None
            node.duration = None
            node.action = None
            return


def _visit_began(view: RunView, node: NodeView, event: e.NodeUpdate) -> VisitView:
    node.visits += 1
    node.items = {}
    if event.via is not None:
        _traverse(view, event.via, event.node_id)
    return _visit(view, node, event)


def _visit_again(view: RunView, node: NodeView, event: e.NodeUpdate) -> VisitView:
    """One that was cut off begins again, under the number that it had."""
    node.items = items_done(node.items) if node.task_id == event.task_id else {}
    retire_streams(view.streams, event.task_id, node.items, len(view.interruptions))
    return _visit(view, node, msgspec.structs.replace(event, via=None))


def _visit(view: RunView, node: NodeView, event: e.NodeUpdate) -> VisitView:
    node.task_id = event.task_id
    node.active += 1
    node.attempt = event.attempt or 1
    node.progress = None
    node.tracks = {}
    node.duration = None
    node.action = None
    entry = VisitView(
        node_id=event.node_id,
        task_id=event.task_id,
        status=event.status,
        started_at=event.timestamp,
        via=event.via,
    )
    _add_visit(view, entry)
    return entry


def _add_visit(view: RunView, entry: VisitView) -> None:
    view.visits[entry.task_id] = entry
    dropped = _bounded(view.timeline, entry, MAX_TIMELINE)
    view.timeline_dropped += len(dropped)
    for visit in dropped:
        if view.visits[visit.task_id] is visit:
            del view.visits[visit.task_id]


def _traverse(view: RunView, via: e.Via, target: NodeId) -> None:
    view.active_edge = ActiveEdge(source=via.node_id, action=via.action, target=target)
    way = via.node_id, via.action, target
    edge = view.taken.get(way)
    if edge is None:
        edge = EdgeView(source=via.node_id, action=via.action, target=target)
        view.taken[way] = edge
        view.edges.append(edge)
    edge.count += 1


def _progress(view: RunView, event: e.Progress) -> None:
    node = _node(view, event.node_id)
    shown = show_progress(node.items, node.tracks, event)
    if shown is not None:
        node.progress = shown
        visit = view.visits.get(event.task_id)
        if visit is not None:
            mark_visit(visit, shown, event.timestamp)


def _token(view: RunView, event: e.Token) -> None:
    usage = show_token(view.streams, event)
    if usage is not None:
        node = _node(view, event.node_id)
        node.usage = added(node.usage, usage)
        view.usage = added(view.usage, usage)


def _message(view: RunView, event: e.Message) -> None:
    show_message(view.streams, view.messages, event)


def _asked(view: RunView, event: e.ApprovalRequest) -> None:
    show_question(view.approvals, event)


def _voted(view: RunView, event: e.ApprovalVote) -> None:
    show_votes(view.approvals, event)


def _resolved(view: RunView, event: e.ApprovalResolved) -> None:
    show_decision(view.approvals, event)


def _result(view: RunView, event: e.ResultEvent) -> None:
    view.results[event.node_id] = event.data


def _log(view: RunView, event: e.Log) -> None:
    entry = LogView(
        node_id=event.node_id,
        task_id=event.task_id,
        stream=event.data.stream,
        level=event.data.level,
        text=event.data.text,
    )
    view.logs_dropped += len(_bounded(view.logs, entry, MAX_LOGS))


def _ended(view: RunView, status: RunStatus, at: str) -> None:
    """The run is over: nothing in it may look alive any more.

    In one that can be resumed what was under way is not given up, and what was asked
    may be answered.
    """
    over: Literal["cancelled", "interrupted"]
    over = "interrupted" if view.resumable else "cancelled"
    view.status = status
    view.ended_at = at
    view.paused = None
    view.active_edge = None
    for node in view.nodes.values():
        node.active = 0
        if node.status in ("running", "waiting", "retrying"):
            node.status = over
    for visit in view.timeline:
        if visit.ended_at is None:
            visit.ended_at = at
            visit.status = over
    for approval in view.approvals:
        if approval.state == "open" and not view.resumable:
            approval.state = "cancelled"


def _completed(view: RunView, event: e.WorkflowCompleted) -> None:
    view.result = event.data
    _ended(view, "completed", event.timestamp)


def _failed(view: RunView, event: e.WorkflowFailed) -> None:
    view.error = event.error
    _ended(view, "failed", event.timestamp)


def _cancelled(view: RunView, event: e.WorkflowCancelled) -> None:
    if event.reason is not None:
        view.error = e.Problem(code="conflict", message=event.reason)
    view.resumable = False  # where a lost run is given up
    _ended(view, "cancelled", event.timestamp)


def _lost(view: RunView, event: e.WorkflowLost) -> None:
    view.error = e.Problem(code="unavailable", message=event.reason)
    view.resumable = event.resumable
    _ended(view, "lost", event.timestamp)


def _paused(view: RunView, event: e.WorkflowPaused) -> None:
    view.status = "paused"
    # Said again when a silent link is back, without what only the kernel knows.
    if view.paused is None:
        view.paused = PauseView(before=event.before, by=event.by)


def _resumed(view: RunView, _event: e.WorkflowResumed) -> None:
    view.status = "running"
    view.paused = None


def _stalled(view: RunView, _event: e.WorkflowStalled) -> None:
    if view.status not in ENDED:
        view.status = "stalled"


def _nothing(_view: RunView, _event: e.Step) -> None:
    """A step frame repeats what other events said."""


_FOLD: dict[type, Any] = {
    e.WorkflowStarted: _started,
    e.GraphChanged: _draw,
    e.NodeUpdate: _node_update,
    e.Step: _nothing,
    e.Progress: _progress,
    e.Token: _token,
    e.Message: _message,
    e.ApprovalRequest: _asked,
    e.ApprovalVote: _voted,
    e.ApprovalResolved: _resolved,
    e.ResultEvent: _result,
    e.Log: _log,
    e.WorkflowCompleted: _completed,
    e.WorkflowFailed: _failed,
    e.WorkflowCancelled: _cancelled,
    e.WorkflowPaused: _paused,
    e.WorkflowResumed: _resumed,
    e.WorkflowStalled: _stalled,
    e.WorkflowLost: _lost,
}
