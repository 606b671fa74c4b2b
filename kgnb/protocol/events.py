"""What happened: the frames that a server sends about a run.

An event leaves the kernel without ``seq``; the log assigns it, and
``codec.with_seq`` puts it, with the documents' ``workflow_id``, in front when
the event is delivered. Fields at their defaults are left out on the wire.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from kgnb.protocol.ids import (
    ApprovalId,
    ArgsHash,
    NodeId,
    RunId,
    StreamId,
    TaskId,
)

NodeStatus = Literal[
    "running", "waiting", "retrying", "completed", "failed", "skipped", "cancelled"
]
TokenKind = Literal["text", "reasoning", "tool_call"]
Outcome = Literal["answered", "timed_out", "cancelled"]
ApprovalKind = Literal["choice", "text", "edit", "form", "file", "confirm", "input"]


class Event(
    msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type", gc=False
):
    """What every event of a run carries.

    An event holds plain JSON, so it is in no cycle: the garbage collector need not
    look through the thousands that a run makes.
    """

    run_id: RunId
    workflow: str = ""
    seq: int = 0
    """Position in the run's log, from 1; 0 before the log has assigned it."""
    workflow_id: str = ""
    """The documents' name of ``run_id``; always the same value."""
    timestamp: str = ""


class NodeEvent(Event, kw_only=True, omit_defaults=True):
    """An event that one node caused."""

    node_id: NodeId
    task_id: TaskId | None = None
    attempt: int | None = None
    path: list[str] = []


class GraphNode(msgspec.Struct, kw_only=True):
    """A box of the picture."""

    id: NodeId
    label: str
    kind: Literal["node", "batch", "graph"] = "node"
    path: list[str] = []


class GraphEdge(msgspec.Struct, kw_only=True):
    """An arrow of the picture; ``action`` is ``"default"`` where none is named."""

    source: NodeId
    target: NodeId
    action: str = "default"


class GraphSpec(msgspec.Struct, kw_only=True):
    """The shape of a graph, as far as it is known."""

    name: str = ""
    start: NodeId | None = None
    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []
    svg: str | None = None
    """The kernel's drawing, or None where there is none (the list serves)."""


class ForkedFrom(msgspec.Struct, kw_only=True):
    """Where in another run's past a run began."""

    run_id: RunId
    seq: int
    """Of that run's checkpoint: its place among them, from 1."""


class WorkflowStarted(Event, kw_only=True, omit_defaults=True, tag="workflow_started"):
    """The run exists from here on, or goes on in a new process."""

    graph: GraphSpec = msgspec.field(default_factory=GraphSpec)
    params: dict[str, Any] = {}
    session_id: str | None = None
    message: Any = None
    """What was said to start it, where a message did."""
    durable: bool = False
    """Whether its state is kept with its events, so that it can be resumed."""
    resumed_from: str | None = None
    """The run that it goes on with, which is itself: this is no first event then."""
    forked_from: ForkedFrom | None = None


class GraphChanged(Event, kw_only=True, omit_defaults=True, tag="graph_changed"):
    """The run took an edge, or entered a node, that its graph does not declare."""

    graph: GraphSpec
    """All of it, drawn anew; it takes the place of the one before."""


class Via(msgspec.Struct, kw_only=True, gc=False):
    """The edge that led to a visit."""

    node_id: NodeId
    action: str = "default"


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What went wrong, with nothing secret in it."""

    code: str
    message: str
    node_id: NodeId | None = None


class NodeUpdate(NodeEvent, kw_only=True, omit_defaults=True, tag="node_update"):
    """A node changed state or, with ``progress``, reported how far it is."""

    status: NodeStatus
    progress: float | None = None
    """Per cent, 0 to 100."""
    message: str | None = None
    duration: float | None = None
    """Seconds, all attempts and the waits between them included."""
    action: str | None = None
    error: Problem | None = None
    via: Via | None = None


class Step(Event, kw_only=True, omit_defaults=True, tag="step"):
    """The LangGraph document's frame: messages so far, and what comes next."""

    messages: list[dict[str, Any]]
    state: dict[str, Any]
    next: str | None
    next_nodes: list[str]


class ProgressData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How far; ``item`` names a batch item, else it is the node's."""

    percent: float
    current: float | None = None
    total: float | None = None
    message: str | None = None
    item: str | None = None
    track: str | None = None
    """A bar beside or below the main one: ``"2"`` runs beside it, ``"1.1"`` below it.
    None is the main bar, which is ``"1"``."""
    label: str | None = None
    """What is counted."""
    rate: float | None = None
    """Per second, of late."""
    remaining: float | None = None
    """Seconds, at that rate."""
    elapsed: float | None = None
    """Seconds since the bar began."""
    closed: bool = False
    """Nothing more comes of this bar, wherever it stands."""
    failed: bool = False
    """It ended by an error or was cancelled; ``message`` says which."""


class Progress(NodeEvent, kw_only=True, omit_defaults=True, tag="progress"):
    """A progress report of a node or of one batch item."""

    data: ProgressData


class Usage(msgspec.Struct, kw_only=True):
    """Tokens that a model counted; 0 where it counted none or did not say."""

    input_tokens: int = 0
    """All of the prompt, what came from a cache included."""
    output_tokens: int = 0
    """All that was written, reasoning included."""
    total_tokens: int = 0
    cached_tokens: int = 0
    """Of the input: read from the provider's cache."""
    reasoning_tokens: int = 0
    """Of the output."""


class ToolRef(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which tool call of a stream a text belongs to."""

    number: int
    """From 1, in the order in which the calls began."""
    name: str = ""
    """The tool, as far as it is known."""
    id: str = ""
    """The model's own name for the call, by which the tool's message answers it."""


class Token(NodeEvent, kw_only=True, omit_defaults=True, tag="token"):
    """Text of a stream.

    ``index`` counts code points from the start of its text; each kind, and each tool
    call, is a text of its own. A tool call's ``data`` is its arguments.
    """

    data: str
    stream: StreamId
    index: int = 0
    kind: TokenKind = "text"
    final: bool = False
    name: str | None = None
    """What the node calls the stream."""
    item: str | None = None
    """The batch item that it belongs to."""
    call: ToolRef | None = None
    """Of a tool call."""
    usage: Usage | None = None
    """On the last frame of a stream, where the model told."""


class MessageData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One chat message; one of a tool says which, and what it was called with."""

    role: str
    content: Any
    name: str | None = None
    tool_call_id: str | None = None
    """The call of a stream that it answers."""
    args: Any = None
    """What the tool was called with, in the end."""
    failed: bool = False
    """The tool failed; ``content`` says how."""


class Message(NodeEvent, kw_only=True, omit_defaults=True, tag="message"):
    """A whole chat message."""

    data: MessageData


class FieldProblem(msgspec.Struct, kw_only=True):
    """What is wrong with one part of an answer."""

    path: list[str | int] = []
    """From the answer's top to the part: names of fields, places in arrays."""
    message: str


class Correction(msgspec.Struct, kw_only=True):
    """Why a question is asked again: an answer that its asker could not take."""

    value: Any = None
    """What was answered; it stands in the form again."""
    problems: list[FieldProblem] = []


class ApprovalData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that is shown to the person who is asked."""

    approval_id: ApprovalId
    args_hash: ArgsHash
    message: str
    options: list[Any] | None = None
    payload: Any = None
    schema: dict[str, Any] | None = None
    """What an answer fits; of an edit, what the payload fits."""
    kind: ApprovalKind = "choice"
    name: str | None = None
    expires_at: str | None = None
    on_timeout: Any = msgspec.UNSET
    """The value taken at the deadline; absent: the node gets a time-out error."""
    need: int = 1
    """How many people must choose the same option."""
    approvers: list[str] | None = None
    """The user names that may answer; None: whoever may answer approvals."""
    veto: list[Any] | None = None
    """Options that one voter alone decides for."""
    correction: Correction | None = None


class ApprovalRequest(
    NodeEvent, kw_only=True, omit_defaults=True, tag="approval_request"
):
    """A node waits for a person."""

    data: ApprovalData


class By(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who decided; never a name that Jupyter made up."""

    user: str | None = None
    via: str = ""
    at: str = ""
    kind: Literal["human", "policy", "script"] = "human"


class CastVote(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One person's vote."""

    voter: str
    """The same for all votes of one person on one server, and no name; ``hello``
    tells each client its own."""
    user: str
    """What people are shown."""
    value: Any = None
    at: str = ""
    reason: str | None = None
    approver: str | None = None
    """The entry of ``approvers`` that it fills."""


class VoteData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All votes so far, in the order in which they were counted."""

    approval_id: ApprovalId
    args_hash: ArgsHash
    votes: list[CastVote]
    need: int = 1


class ApprovalVote(NodeEvent, kw_only=True, omit_defaults=True, tag="approval_vote"):
    """Somebody voted; what that came to is in an ``approval_resolved``."""

    data: VoteData


class ResolvedData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The decision."""

    approval_id: ApprovalId
    args_hash: ArgsHash | None = None
    """Of the question that it decides: the same id may be asked again otherwise."""
    outcome: Outcome
    value: Any = None
    edited_payload: Any = None
    """Of an edit with options: what became of the payload, if it was changed."""
    by: By | None = None
    votes: list[CastVote] | None = None
    """Of a vote, whatever it came to."""
    reason: str | None = None


class ApprovalResolved(
    NodeEvent, kw_only=True, omit_defaults=True, tag="approval_resolved"
):
    """An approval was decided, once and for all."""

    data: ResolvedData


class ResultEvent(NodeEvent, kw_only=True, omit_defaults=True, tag="result"):
    """The value of a node without a successor."""

    data: Any
    truncated: bool = False


class LogData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A piece of a node's output, or one logging record."""

    stream: Literal["stdout", "stderr", "logging"]
    text: str
    level: str | None = None


class Log(NodeEvent, kw_only=True, omit_defaults=True, tag="log"):
    """What a node printed or logged."""

    data: LogData


class WorkflowCompleted(
    Event, kw_only=True, omit_defaults=True, tag="workflow_completed"
):
    """The graph came to its end."""

    data: Any
    """The last ``result``, or what the publisher picked."""


class WorkflowFailed(Event, kw_only=True, omit_defaults=True, tag="workflow_failed"):
    """A node's error ended the run."""

    error: Problem


class WorkflowCancelled(
    Event, kw_only=True, omit_defaults=True, tag="workflow_cancelled"
):
    """Somebody ended the run."""

    reason: str | None = None
    by: By | None = None


class WorkflowPaused(Event, kw_only=True, omit_defaults=True, tag="workflow_paused"):
    """No new node starts until the run is resumed."""

    before: NodeId | None = None
    """The node whose breakpoint it came to; None where somebody paused it."""
    by: By | None = None


class WorkflowResumed(Event, kw_only=True, omit_defaults=True, tag="workflow_resumed"):
    """A pause ended."""

    by: By | None = None


class WorkflowStalled(Event, kw_only=True, omit_defaults=True, tag="workflow_stalled"):
    """The kernel's link is silent; not an end, the run may go on unseen."""


class WorkflowLost(Event, kw_only=True, omit_defaults=True, tag="workflow_lost"):
    """The process that ran it is gone; known from its manager, not from silence."""

    reason: str = ""
    resumable: bool = False
    """Whether ``kgnb.run(graph, resume=run_id)`` can go on with it."""


class Custom(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a node sent under a name of its own; ``type`` is that name."""

    type: str
    run_id: RunId
    workflow: str = ""
    seq: int = 0
    workflow_id: str = ""
    timestamp: str = ""
    node_id: NodeId = NodeId("")
    task_id: TaskId | None = None
    attempt: int | None = None
    path: list[str] = []
    data: Any = None


KnownEvent = (
    WorkflowStarted
    | GraphChanged
    | NodeUpdate
    | Step
    | Progress
    | Token
    | Message
    | ApprovalRequest
    | ApprovalVote
    | ApprovalResolved
    | ResultEvent
    | Log
    | WorkflowCompleted
    | WorkflowFailed
    | WorkflowCancelled
    | WorkflowPaused
    | WorkflowResumed
    | WorkflowStalled
    | WorkflowLost
)
AnyEvent = KnownEvent | Custom

TERMINAL = frozenset(
    {"workflow_completed", "workflow_failed", "workflow_cancelled", "workflow_lost"}
)
"""Types after which a run has no further event of its own."""

LIFE_CYCLE = TERMINAL | {
    "workflow_started",
    "workflow_paused",
    "workflow_resumed",
    "workflow_stalled",
}
"""Types that reach every subscriber of a run whatever its topics."""
