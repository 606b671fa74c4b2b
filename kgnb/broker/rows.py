"""What the broker keeps in rows of the log: runs, approvals, kernels, clients."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, TypeVar

import msgspec

# msgspec evaluates these rows' annotations when it decodes one.
from kgnb.protocol.events import ApprovalData, By, ResolvedData  # noqa: TC001  # see above
from kgnb.protocol.ids import ApprovalId, NodeId, RunId, TaskId  # noqa: TC001  # see above
from kgnb.protocol.link import Start, Workflow  # noqa: TC001  # see above
from kgnb.protocol.view import ENDED, RunStatus

RUN = "run/"
APPROVAL = "approval/"
KERNEL = "kernel/"
STREAM = "run/"
CLIENT = "client/"
MANAGER = "manager/"
MAIL = "mail/"
WORKFLOWS = "workflows/"
SESSION = "session/"
SHARE = "share/"
CHECKPOINT = "checkpoint/"
"""Prefixes of keys, and of the streams that hold runs' events and messages."""

T = TypeVar("T", bound=msgspec.Struct)

ShareRole = Literal["view", "answer", "control", "start"]


class EarlyInput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a client gave a node that did not wait for it yet."""

    data: Any = None
    by: By
    command: str | None = None
    """As in :class:`ApprovalRow`."""


class RunRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One run; its events are the stream ``run/<run_id>``."""

    run_id: RunId
    workflow: str = ""
    status: RunStatus = "running"
    """Never ``waiting``, which follows from open approvals."""
    is_paused: bool = False
    """Whether ``stalled`` goes back to ``paused`` when the kernel is back."""
    kernel_id: str = ""
    process_id: str = ""
    epoch: int = 1
    owner: str = ""
    """The identity on whose behalf it was started; empty: its kernel's."""
    session_id: str | None = None
    keeps_messages: bool = False
    """Whether the session's messages are those of the run's steps."""
    is_bare: bool = False
    """Whether a message without a type started it: who reads it gets its steps."""
    command: str | None = None
    """The fingerprint of the command that started it."""
    start: Start | None = None
    """What its kernel is told, until it has begun."""
    started_at: str = ""
    ended_at: str | None = None
    """By its kernel's clock."""
    over_at: float = 0.0
    """Seconds since the epoch, by the broker's clock; 0: it is not over."""
    nodes: list[NodeId] = []
    """Those that the graph is known to have, while it is not over."""
    early: dict[NodeId, EarlyInput] = {}
    """By the node that will wait for it."""
    is_durable: bool = False
    """Whether its checkpoints are kept, in the stream ``checkpoint/<run_id>``."""
    key: str | None = None
    """What later runs of the same cell or script have as well."""

    @property
    def has_ended(self) -> bool:
        """Whether no event of this epoch can follow."""
        return self.status in ENDED

    @property
    def can_go_on(self) -> bool:
        """Whether it was lost, and another process may take it up again."""
        return self.is_durable and self.status == "lost"


class Vote(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One identity's vote in an approval that needs several."""

    user: str
    """The identity; the name that others are shown is ``name``."""
    name: str = ""
    voter: str = ""
    approver: str | None = None
    """These as in :class:`~kgnb.protocol.events.CastVote`."""
    value: Any = None
    at: str = ""
    reason: str | None = None
    command: str | None = None
    """As in :class:`ApprovalRow`."""


class ApprovalRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One approval; the compare-and-set on this row is the decision."""

    approval_id: ApprovalId
    run_id: RunId
    workflow: str = ""
    node_id: NodeId
    task_id: TaskId | None = None
    attempt: int | None = None
    path: list[str] = []
    data: ApprovalData
    """Without payload and schema once it is decided; the log has them."""
    opened_at: str = ""
    deadline: float | None = None
    """Seconds since the epoch, by the broker's clock."""
    epoch: int = 1
    """Of the process that asked."""
    state: Literal["open", "answered", "timed_out", "cancelled"] = "open"
    resolved: ResolvedData | None = None
    command: str | None = None
    """The fingerprint of the command that decided it: sent again, it is answered
    as it was, not as a late answer."""
    votes: list[Vote] = []
    before: list[ApprovalRow] = []
    """Other questions that were asked under its id, the newest last, as they were
    decided: a command that had its effect then has none on this one."""


class KernelRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The process that is a kernel just now."""

    kernel_id: str
    process_id: str
    pid: int = 0
    token_hash: str = ""
    """SHA-256 of the owner token."""
    server: str = ""
    """Of several servers the one that it dialled; its process dies with that."""


class Place(msgspec.Struct, kw_only=True):
    """How far a client is in one stream of messages."""

    joined: int
    """The stream's last seq when it became a member: what came before is not its."""
    had: int
    """The seq of the last message that it was sent."""


class ClientRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A named client: what it is a member of, also while it is away."""

    user: str
    client_id: str
    places: dict[str, Place] = {}
    left_at: float | None = None
    """Seconds since the epoch; None while it is connected."""


class ManagerRow(msgspec.Struct, kw_only=True):
    """How far the orders of a kernel's connection manager were carried out."""

    kernel_id: str
    process_id: str
    n: int


class WorkflowsRow(msgspec.Struct, kw_only=True):
    """What one kernel publishes."""

    kernel_id: str
    process_id: str
    workflows: list[Workflow]


class SessionRow(msgspec.Struct, kw_only=True):
    """The messages of one session of one identity, as of its last step or start."""

    user: str
    session_id: str
    messages: list[dict[str, Any]] = []
    changed_at: str = ""
    run_id: str = ""
    """The run whose step or start it was."""
    heard: int = 0
    """How many inputs that run had been given by then."""


class ShareRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the holder of a token that this broker signed may do, and until when.

    It is for one run, for one workflow's runs, or for one session of its maker's.
    """

    share_id: str
    run_id: str | None = None
    workflow: str | None = None
    session_id: str | None = None
    role: ShareRole = "view"
    label: str = ""
    """Shown as the name of whoever comes by it."""
    maker: str
    """The identity, and the session's where it is for one."""
    of_kernel: bool = False
    """Whether a kernel made it, for whoever uses the notebook."""
    made_at: str = ""
    expires_at: float
    """Seconds since the epoch, by the broker's clock."""
    revoked_at: str | None = None


def session_key(user: str, session_id: str) -> str:
    """Where a session's row is: one key for two of any characters."""
    name = msgspec.json.encode([user, session_id])
    return SESSION + hashlib.sha256(name).hexdigest()[:32]


def hash_token(token: str) -> str:
    """What is kept of an owner token."""
    return hashlib.sha256(token.encode()).hexdigest()


def encode(row: msgspec.Struct) -> bytes:
    """A row's value."""
    return msgspec.json.encode(row)


def decode(value: bytes, kind: type[T]) -> T:
    """A row of a known kind."""
    return msgspec.json.decode(value, type=kind)


def is_whole(value: bytes, kind: Any) -> bool:
    """Whether it can be read as that kind."""
    try:
        msgspec.json.decode(value, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    return True
