"""Which topics carry which event."""

from __future__ import annotations

from kgnb.protocol.events import LIFE_CYCLE

TOPICS = frozenset(
    {
        "progress",
        "results",
        "nodes",
        "tokens",
        "approvals",
        "logs",
        "alerts",
        "custom",
        "steps",
        "all",
    }
)
"""The names that subscribe to run events; any other is an application topic."""

_BY_TYPE: dict[str, frozenset[str]] = {
    "graph_changed": frozenset({"progress", "nodes"}),
    "node_update": frozenset({"progress", "nodes"}),
    "progress": frozenset({"progress"}),
    "token": frozenset({"tokens"}),
    "message": frozenset({"results"}),
    "result": frozenset({"results"}),
    "step": frozenset({"results", "steps"}),
    "approval_request": frozenset({"approvals"}),
    "approval_vote": frozenset({"approvals"}),
    "approval_resolved": frozenset({"approvals"}),
    "log": frozenset({"logs"}),
    "system_alert": frozenset({"alerts"}),
}
_CUSTOM = frozenset({"custom"})


def wants(topics: frozenset[str], event_type: str) -> bool:
    """Whether a subscription to ``topics`` gets events of this type."""
    if "all" in topics or event_type in LIFE_CYCLE:
        return True
    return not topics.isdisjoint(_BY_TYPE.get(event_type, _CUSTOM))
