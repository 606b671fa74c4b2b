"""What the calls reply, as structs: the OpenAPI document is made of them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

# msgspec evaluates the annotations, here and in the document.
from kgnb.broker.audit import AuditEntry
from kgnb.broker.known import ClientInfo  # noqa: TC001  # see above
from kgnb.broker.rows import ShareRole  # noqa: TC001  # see above
from kgnb.protocol.events import ApprovalData, CastVote, ResolvedData
from kgnb.protocol.ids import ApprovalId, NodeId, RunId, TaskId  # noqa: TC001  # see above
from kgnb.protocol.view import RunStatus, RunView  # noqa: TC001  # see above


class Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A reply's JSON: neither more nor less than its fields."""


class Refusal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is not 2xx; the facts of its code stand beside these."""

    code: str
    message: str
    retry_after: float | None = None
    """Seconds."""
    problems: list[dict[str, Any]] | None = None
    """Of a value that does not fit its schema: ``{path, message}``."""
    value: Any = None
    """With ``already_answered``: the winning answer."""
    by: dict[str, Any] | None = None
    """With ``already_answered``: who gave it."""


class Health(Body, kw_only=True, omit_defaults=True):
    """``kgnb/health``; the last three to those who may know."""

    status: Literal["healthy", "degraded", "unhealthy"]
    connections: int
    max_connections: int
    runs: int | None = None
    uptime: float | None = None
    """Seconds."""
    version: str | None = None
    role: Literal["leader", "follower"] | None = None
    """Of several servers."""


class Metrics(Body, kw_only=True, omit_defaults=True):
    """``kgnb/metrics``."""

    active_connections: int
    total_messages: int
    uptime: float
    """Seconds."""
    clients: list[ClientInfo]
    max_connections: int
    links: int
    channels: int
    runs: int
    runs_stored: int
    open_approvals: int
    send_queue_bytes: int
    rss_bytes: int | None
    store_pool_size: int
    store_pool_in_use: int
    store_waiting: int
    store_healthy: bool
    store_outages: int
    """Times that the log began to fail."""
    store_refused: int
    """Transactions that it did not store."""
    store_doubted: int
    """Those of which it was not known in time whether they were stored."""
    server: str | None = None
    """Of several servers the one that was asked."""
    role: Literal["leader", "follower"] | None = None
    sockets: int | None = None
    """That are connected to it, kernels' too."""


class Offer(Body, kw_only=True):
    """A published workflow."""

    name: str
    kernel_id: str
    params: dict[str, Any] | None
    """The JSON Schema of what a start may give it; null takes anything."""
    keeps_messages: bool
    default: bool
    published_at: float
    """Seconds since the epoch."""


class Workflows(Body, kw_only=True):
    """``kgnb/api/workflows``, the newest first."""

    workflows: list[Offer]


class RunSummary(Body, kw_only=True):
    """A run in the list."""

    run_id: RunId
    workflow: str
    status: RunStatus
    started_at: str
    ended_at: str | None
    kernel_id: str
    resumable: bool
    """Whether it is lost and can go on: its questions are open still."""


class Runs(Body, kw_only=True):
    """``kgnb/api/runs``, the newest first."""

    runs: list[RunSummary]
    next: RunId | None
    """The ``before`` of the page after it; null at the end."""


class RunDetail(RunSummary, kw_only=True):
    """``kgnb/api/runs/{id}``."""

    seq: int
    """Of the last event in the view."""
    view: RunView


class Session(Body, kw_only=True):
    """``kgnb/api/sessions/{id}``."""

    session_id: str
    """As it was asked for; of another's session its token."""
    messages: list[dict[str, Any]]
    """``{role, content}``, in order; replies once they are whole."""
    changed_at: str | None
    """Null where nothing was said, or is kept."""
    runs: list[RunSummary]
    """Those under way, the oldest first."""


class Started(Body, kw_only=True, omit_defaults=True):
    """A run that has begun."""

    run_id: RunId
    session_id: str | None = None


class Ordered(Body, kw_only=True):
    """A run whose kernel has done as it was told."""

    run_id: RunId


class Question(ApprovalData, kw_only=True, forbid_unknown_fields=True):
    """An approval, as it was asked, and where it stands."""

    run_id: RunId
    workflow: str
    node_id: NodeId
    task_id: TaskId | None
    state: Literal["open", "answered", "timed_out", "cancelled"]
    opened_at: str
    votes: list[CastVote]


class Questions(Body, kw_only=True):
    """``kgnb/api/approvals``, the oldest first."""

    approvals: list[Question]


class Settled(Question, kw_only=True, forbid_unknown_fields=True):
    """``kgnb/api/approvals/{id}``."""

    resolved: ResolvedData | None
    """The decision, once there is one; payload and schema are gone then."""


class Answered(Body, kw_only=True):
    """An answer that was taken."""

    approval_id: ApprovalId
    run_id: RunId
    data: Any
    """The decision, or the votes so far."""


class ShareLink(Body, kw_only=True, omit_defaults=True):
    """A share link, or a token for a session; it opens one of the first three."""

    link_id: str
    run_id: RunId | None = None
    workflow: str | None = None
    session_id: str | None = None
    role: ShareRole
    label: str
    made_at: str
    expires_at: str
    revoked_at: str | None


class MadeLink(ShareLink, kw_only=True, omit_defaults=True):
    """A new one; the token is told this once. Of a session only the last field."""

    token: str | None = None
    url: str | None = None
    """Of the page."""
    ws_url: str | None = None
    qr_svg: str | None = None
    session_token: str | None = None


class ShareLinks(Body, kw_only=True):
    """``kgnb/api/links``."""

    links: list[ShareLink]


class Audited(AuditEntry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the audit."""

    seq: int


class Audit(Body, kw_only=True):
    """``kgnb/api/audit``."""

    entries: list[Audited]
    next: int | None
    """The ``after`` of the page after it; null at the end."""
