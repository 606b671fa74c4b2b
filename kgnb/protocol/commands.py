"""Orders: the frames that a client sends."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from kgnb.protocol.ids import ApprovalId, ArgsHash, NodeId, RunId

CommandId = Annotated[str, msgspec.Meta(max_length=200)] | int
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Command(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type"):
    """What every command may carry: an ``id`` that its reply repeats."""

    id: CommandId | None = None


class Since(msgspec.Struct, kw_only=True):
    """A reader's cursor: the last event it has."""

    seq: int
    log_id: str | None = None


class StartWorkflow(Command, kw_only=True, omit_defaults=True, tag="start_workflow"):
    """Start a published workflow."""

    workflow: Name
    params: dict[str, Any] = {}
    session_id: str | None = None


class NodeInput(Command, kw_only=True, omit_defaults=True, tag="node_input"):
    """Give a waiting node its input."""

    node_id: NodeId
    data: Any = None
    run_id: RunId | None = None
    approval_id: ApprovalId | None = None


class AnswerApproval(Command, kw_only=True, omit_defaults=True, tag="answer"):
    """Answer one approval; the hash says which text was read."""

    approval_id: ApprovalId
    value: Any = None
    edited_payload: Any = None
    """Of an edit with options: the payload as it shall be, if not as it was."""
    args_hash: ArgsHash | None = None
    reason: str | None = None


class SendMessage(Command, kw_only=True, omit_defaults=True, tag="message"):
    """Say something in a session; also the frame ``{session_id, message}``."""

    content: Any
    session_id: str | None = None
    bare: bool = False
    """True for the documents' frame without a type."""


class EndChat(Command, kw_only=True, omit_defaults=True, tag="end_chat"):
    """End the session's running chat node."""

    session_id: str | None = None


class Subscribe(Command, kw_only=True, omit_defaults=True, tag="subscribe"):
    """Read topics of one run, of one workflow's runs, or of all runs."""

    topics: list[Name] = msgspec.field(default_factory=lambda: ["all"])
    run_id: RunId | None = None
    workflow: str | None = None
    since: Since | None = None


class Unsubscribe(Command, kw_only=True, omit_defaults=True, tag="unsubscribe"):
    """Stop reading topics; without topics, all of them."""

    topics: list[Name] | None = None
    run_id: RunId | None = None
    workflow: str | None = None


class JoinGroup(Command, kw_only=True, omit_defaults=True, tag="join_group"):
    """Join a group."""

    group: Name


class LeaveGroup(Command, kw_only=True, omit_defaults=True, tag="leave_group"):
    """Leave a group."""

    group: Name


class Cancel(Command, kw_only=True, omit_defaults=True, tag="cancel"):
    """End a run."""

    run_id: RunId


class Pause(Command, kw_only=True, omit_defaults=True, tag="pause"):
    """Let a run start no further node."""

    run_id: RunId


class Resume(Command, kw_only=True, omit_defaults=True, tag="resume"):
    """End a pause."""

    run_id: RunId


class Fork(Command, kw_only=True, omit_defaults=True, tag="fork"):
    """Begin a new run in the past of one whose kernel is there and has its past."""

    run_id: RunId
    at: int | str | None = None
    """The number of a step, of which 0 is the start; a checkpoint's id; or a node, or
    a visit of it such as ``Draft:2``, for the state in which that began. Null: the
    latest."""
    shared: dict[str, Any] = {}
    """Edits of the state."""


class Ping(Command, kw_only=True, omit_defaults=True, tag="ping"):
    """Ask for a ``pong``."""


AnyCommand = (
    StartWorkflow
    | NodeInput
    | AnswerApproval
    | SendMessage
    | EndChat
    | Subscribe
    | Unsubscribe
    | JoinGroup
    | LeaveGroup
    | Cancel
    | Pause
    | Resume
    | Fork
    | Ping
)
