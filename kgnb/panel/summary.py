"""A record in the words that its page and its plain text share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.drawing.text import label, reveal
from kgnb.panel.text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RUN_WORDS = {
    "running": "● running",
    "waiting": "◔ waiting for an answer",
    "paused": "‖ paused",
    "stalled": "… no news from the kernel",
    "completed": "✓ completed",
    "failed": "✕ failed",
    "cancelled": "⊘ cancelled",
    "lost": "✕ lost",
}
"""Status of a run → shape and word."""


@dataclass(frozen=True, slots=True)
class Question:
    """An approval as it is told afterwards; hidden characters are spelt out."""

    title: str
    message: str
    options: tuple[str, ...]
    chosen: int | None
    """Index of the option taken."""
    payload: str
    edited: str
    """What the payload became, where it was changed beside an option."""
    outcome: str
    """A sentence's beginning: ``Answered``, ``Timed out, taken``, ``Cancelled``."""
    value: str
    reason: str
    by: str
    rules: str
    """How it is decided, where not by anybody's first answer."""
    votes: tuple[str, ...]
    """Who voted for what, where the record is signed."""


@dataclass(frozen=True, slots=True)
class Names:
    """How the nodes of a record are called."""

    labels: Mapping[str, str]
    visits: Mapping[str, int]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Names:
        """Nested nodes keep their path: two inner graphs may use one name."""
        listed = record["graph"].get("nodes") or ()
        labels = {
            node["id"]: label(
                node["id"] if node.get("path") else node.get("label") or node["id"]
            )
            for node in listed
        }
        visits = {name: node["visits"] for name, node in record["nodes"].items()}
        return cls(labels, visits)

    def node(self, node_id: str) -> str:
        """The node's label; what is of no node is the run's."""
        return self.labels.get(node_id) or label(node_id) or "run"

    def visit(self, node_id: str, visit: int) -> str:
        """The node's label, with the visit where there were several."""
        name = self.node(node_id)
        if visit and self.visits.get(node_id, 0) > 1:
            return f"{name} (visit {visit})"
        return name


_OUTCOMES = {
    "open": "Open",
    "answered": "Answered",
    "timed_out": "Timed out",
    "cancelled": "Cancelled",
}


def question(
    approval: Mapping[str, Any],
    names: Names,
    by: Mapping[str, Any] | None = None,
    votes: Sequence[Mapping[str, Any]] = (),
) -> Question:
    """Tell one approval of a record.

    Args:
        approval: An entry of the record's ``approvals``.
        names: The record's names.
        by: Who answered, where the record is signed.
        votes: Who voted, where it is signed.
    """
    options = tuple(reveal(shown(each)) for each in approval["options"] or ())
    state, value = approval["state"], approval["value"]
    is_taken = state == "answered" or (state == "timed_out" and value is not None)
    text = reveal(shown(_told(approval["kind"], value))) if is_taken else ""
    chosen = options.index(text) if is_taken and text in options else None
    payload, edited = approval["payload"], approval.get("edited_payload")
    return Question(
        title=names.node(approval["node_id"]),
        message=reveal(approval["message"]),
        options=options,
        chosen=chosen,
        payload="" if payload is None else reveal(shown(payload)),
        edited="" if edited is None else reveal(shown(edited)),
        outcome=_OUTCOMES[state] + (", taken" if text and state == "timed_out" else ""),
        value=text,
        reason=reveal(approval["reason"] or ""),
        by=who(by),
        rules=_rules(approval),
        votes=tuple(_vote_words(vote) for vote in votes),
    )


def _told(kind: str, value: Any) -> Any:
    if kind != "file" or not isinstance(value, dict):
        return value
    return f"{value.get('name')}, {value.get('size')} bytes"


def _rules(approval: Mapping[str, Any]) -> str:
    """How it is decided, where not by the first answer of anybody."""
    need, approvers = approval.get("need", 1), approval.get("approvers")
    names = ", ".join(label(name) for name in approvers or ())
    parts = []
    if need > 1:
        parts.append(f"Needs {need} votes" + (f" of {names}" if names else ""))
    elif names:
        parts.append(f"For {names}")
    if approval.get("veto"):
        options = ", ".join(reveal(shown(each)) for each in approval["veto"])
        parts.append(f"veto: {options}")
    return "; ".join(parts)


def _vote_words(vote: Mapping[str, Any]) -> str:
    """``Ada: publish (tested)``."""
    words = f"{label(vote.get('user') or '')}: {reveal(shown(vote.get('value')))}"
    return f"{words} ({reveal(vote['reason'])})" if vote.get("reason") else words


def who(by: Mapping[str, Any] | None) -> str:
    """A person or a script in a few words; empty where nobody is named."""
    if not by:
        return ""
    if by.get("kind") in ("script", "policy"):
        return f"a {by['kind']}"
    return label(by.get("user") or "")


def final_result(record: Mapping[str, Any]) -> Any:
    """The run's result, where no node's result says the same already."""
    result = record["result"]
    return None if result in record["results"].values() else result


def progress_words(progress: Mapping[str, Any] | None) -> str:
    """``50%, 5 of 10, almost there``: as much of it as there is."""
    if not progress:
        return ""
    parts = [f"{progress['percent']:g}%"]
    if progress.get("total") is not None:
        parts.append(f"{progress.get('current') or 0:g} of {progress['total']:g}")
    if progress.get("label"):
        parts[-1] += f" {label(progress['label'])}"
    if progress.get("message"):
        parts.append(label(progress["message"]))
    return ", ".join(parts)


def usage_words(usage: Mapping[str, Any] | None) -> str:
    """``412 in · 96 out``: tokens."""
    if not usage:
        return ""
    return f"{usage['input_tokens']:,} in · {usage['output_tokens']:,} out"


def stream_title(stream: Mapping[str, Any], names: Names) -> str:
    """``Draft (visit 2) · item 3 · english · attempt 2 · tool call search``."""
    parts = [names.visit(stream["node_id"], stream["visit"])]
    if "item" in stream:
        parts.append(f"item {label(stream['item'])}")
    if stream.get("name"):
        parts.append(label(stream["name"]))
    if "attempt" in stream:
        parts.append(f"attempt {stream['attempt']}")
    if stream["kind"] == "tool_call":
        parts.append(f"tool call {label(stream.get('tool') or '')}".strip())
    elif stream["kind"] != "text":
        parts.append(stream["kind"])
    return " · ".join(parts)


def stream_facts(stream: Mapping[str, Any]) -> str:
    """``, superseded, 12 characters missing, 412 in · 96 out``: where there are."""
    facts = []
    if stream.get("superseded"):
        facts.append("superseded")
    if stream.get("missing"):
        facts.append(f"{stream['missing']:,} characters missing")
    if stream.get("usage"):
        facts.append(usage_words(stream["usage"]))
    return "".join(f", {fact}" for fact in facts)


def outcome_words(stream: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What came of a tool call: titles and texts."""
    outcome = stream.get("outcome")
    if not outcome:
        return []
    tool = label(stream.get("tool") or "the tool")
    word = f"{tool}: not done" if outcome["failed"] else f"result of {tool}"
    words = [(word, shown(outcome["content"]))]
    if outcome["args"] is not None and not _says(stream["text"], outcome["args"]):
        words.insert(0, (f"{tool} was called with", shown(outcome["args"])))
    return words


def _says(text: str, args: Any) -> bool:
    """Whether the arguments are those that a model wrote, if that is JSON at all."""
    try:
        return bool(msgspec.json.decode(text or "{}") == args)
    except msgspec.DecodeError:
        return True


def message_title(message: Mapping[str, Any]) -> str:
    """``tool, search``: who says it."""
    names = [message["role"], message.get("name")]
    return ", ".join(label(name) for name in names if name)


def edge_words(edge: Mapping[str, Any], names: Names) -> str:
    """``Review —revise→ Draft``, for an edge of the record."""
    source, target = names.node(edge["source"]), names.node(edge["target"])
    if edge["action"] == "default":
        return f"{source} → {target}"
    return f"{source} —{label(edge['action'])}→ {target}"
