"""What is left of a run when all that chance decided is taken out.

The same workflow with the same answers gives the same record in every
execution and on every machine, so that a saved notebook can be compared with a
new run of it. ``kgnb/web/src/record.js`` is its twin; golden files under
``tests/wire`` hold both to the same answers.

Left out: ids, times, durations, people. Ordered by the graph, then by visit,
never by arrival: two nodes that run side by side finish in any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.protocol.view import RunView

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Plain = dict[str, Any]
_Key = tuple[Any, ...]


def static_record(view: RunView | Mapping[str, Any]) -> Plain:
    """The reproducible part of a run, as plain JSON values.

    Args:
        view: A view or its dict; usually of a run that has ended. It is only
            read, but the record shares its values.
    """
    plain = _plain(view)
    order = _Order(plain)
    return {
        "workflow": plain["workflow"],
        "status": plain["status"],
        "graph": plain["graph"],
        "nodes": {name: _node(plain, node) for name, node in order.nodes()},
        "edges": _edges(plain, order),
        "streams": [
            _stream(stream) for stream in sorted(plain["streams"], key=order.of_stream)
        ],
        "approvals": [_approval(approval) for approval in _approvals(plain, order)],
        "results": {
            name: plain["results"][name]
            for name in sorted(plain["results"], key=order.of_node)
        },
        "messages": [
            {
                **{name: message[name] for name in ("node_id", "role", "content")},
                **_told(message, "name"),
            }
            for message in sorted(
                _messages(plain), key=lambda each: order.of_node(each["node_id"])
            )
        ],
        **_custom(plain, order),
        "logs": list(_logs(plain, order)),
        "result": plain["result"],
        "error": _problem(plain, plain["error"]),
        **_told(plain, "usage"),
    }


def approvals_in_order(view: RunView | Mapping[str, Any]) -> list[Plain]:
    """The view's approvals, with all that they tell, as the record orders them."""
    plain = _plain(view)
    return _approvals(plain, _Order(plain))


def answered_by(view: RunView | Mapping[str, Any]) -> dict[str, Plain]:
    """Who answered: index in the record's ``approvals`` (as a text) → ``by``."""
    return {
        str(index): approval["by"]
        for index, approval in enumerate(approvals_in_order(view))
        if approval["by"]
    }


def votes_by(view: RunView | Mapping[str, Any]) -> dict[str, list[Plain]]:
    """Who voted for what, by index as in :func:`answered_by`; the marks are left out.

    Not in the record: a script decides a vote alone, and its record is to be the same.
    """
    return {
        str(index): [
            {name: vote[name] for name in _VOTE if name in vote}
            for vote in approval["votes"]
        ]
        for index, approval in enumerate(approvals_in_order(view))
        if approval.get("votes")
    }


def visit_of(task_id: str | None) -> int:
    """The visit, from 1, that a task id such as ``"Draft:2"`` names; else 0."""
    visit = (task_id or "").rpartition(":")[2]
    return int(visit) if visit.isascii() and visit.isdigit() else 0


_LOG_RANK = {"stdout": 0, "stderr": 1, "logging": 2}
_PROGRESS = ("percent", "current", "total", "message")
_APPROVAL = (
    "node_id",
    "message",
    "options",
    "payload",
    "kind",
    "state",
    "value",
    "reason",
)

_RULES = {"need": 1, "approvers": None, "veto": None}
"""How votes are counted; left out where it is as always."""
_VOTE = ("user", "value", "at", "reason", "approver")


def _plain(view: RunView | Mapping[str, Any]) -> Mapping[str, Any]:
    return view.to_dict() if isinstance(view, RunView) else view


class _Order:
    """Sort keys; a node that the graph does not list comes after, by its id."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self._nodes: Mapping[str, Plain] = plain["nodes"]
        listed = [node["id"] for node in plain["graph"]["nodes"]]
        self._place = {node: place for place, node in enumerate(listed)}
        self._batches = {
            node["id"]
            for node in plain["graph"]["nodes"]
            if node.get("kind") == "batch"
        }

    def nodes(self) -> list[tuple[str, Plain]]:
        return [
            (name, self._nodes[name]) for name in sorted(self._nodes, key=self.of_node)
        ]

    def of_node(self, node: str) -> _Key:
        return (self._place.get(node, len(self._place)), node)

    def of_visit(self, entry: Mapping[str, Any]) -> _Key:
        return (*self.of_node(entry["node_id"]), visit_of(entry["task_id"]))

    def of_stream(self, stream: Mapping[str, Any]) -> _Key:
        """By item, attempt and ordinal within a visit; named streams come after."""
        item = stream.get("item")
        return (
            *self.of_visit(stream),
            *((-1, 0, "") if item is None else _natural(item)),
            stream["attempt"] or 0,
            *_natural(local_id(stream)),
            stream["kind"],
            stream.get("call") or 0,
        )

    def of_approval(self, approval: Mapping[str, Any]) -> _Key:
        """In order of opening, but items of a batch may ask all at once."""
        is_batch = approval["node_id"] in self._batches
        return (*self.of_visit(approval), approval["message"] if is_batch else "")

    def of_edge(self, edge: Mapping[str, Any]) -> _Key:
        ends = (*self.of_node(edge["source"]), *self.of_node(edge["target"]))
        return (*ends, edge["action"])

    def of_log(self, log: Mapping[str, Any]) -> _Key:
        return (*self.of_visit(log), _LOG_RANK[log["stream"]])


def _natural(name: str) -> _Key:
    """Numbers by size, and before all other names."""
    is_number = name.isascii() and name.isdigit()
    return (0, int(name), "") if is_number else (1, 0, name)


def local_id(stream: Mapping[str, Any]) -> str:
    """What tells a stream from the others of its visit, item and attempt."""
    where = f"{stream['task_id']}.{stream['attempt']}/"
    name = str(stream["stream"]).removeprefix(where)
    item = stream.get("item")
    return name if item is None else name.removeprefix(f"{item}.")


def _told(entry: Mapping[str, Any], *names: str) -> Plain:
    """The fields that say something."""
    return {name: entry[name] for name in names if entry.get(name)}


def _stream(stream: Mapping[str, Any]) -> Plain:
    kept: Plain = {
        "node_id": stream["node_id"],
        "visit": visit_of(stream["task_id"]),
        "stream": local_id(stream),
        "kind": stream["kind"],
        "text": stream["text"],
        **_told(stream, "name", "item", "call", "tool", "outcome"),
        **_told(stream, "missing", "superseded", "usage"),
    }
    if (stream["attempt"] or 1) > 1:
        kept["attempt"] = stream["attempt"]
    return kept


def _messages(plain: Mapping[str, Any]) -> Iterator[Plain]:
    """Those that do not stand with the tool call that they answer."""
    calls = {stream.get("call_id") for stream in plain["streams"]} - {None}
    for message in plain["messages"]:
        if message.get("tool_call_id") not in calls:
            yield message


def _node(plain: Mapping[str, Any], node: Mapping[str, Any]) -> Plain:
    kept: Plain = {"status": node["status"], "visits": node["visits"]}
    if node["action"] is not None:
        kept["action"] = node["action"]
    if (progress := node["progress"]) is not None:
        # How fast it went is chance.
        kept["progress"] = {
            **{name: progress[name] for name in _PROGRESS},
            **_told(progress, "label"),
        }
    kept |= _told(node, "usage")
    if node["error"] is not None:
        kept["error"] = _problem(plain, node["error"])
    return kept


def _custom(plain: Mapping[str, Any], order: _Order) -> Plain:
    """What nodes sent under names of their own, if they did."""
    found = sorted(plain["custom"], key=lambda each: order.of_node(each["node_id"]))
    kept = [
        {name: each[name] for name in ("node_id", "type", "data")} for each in found
    ]
    return {"custom": kept} if kept else {}


def _problem(plain: Mapping[str, Any], problem: Plain | None) -> Plain | None:
    """An error without the run's id, which its sentence may name."""
    if problem is None or not plain["run_id"]:
        return problem
    message = problem["message"].replace(plain["run_id"], "\N{HORIZONTAL ELLIPSIS}")
    return {**problem, "message": message}


def _edges(plain: Mapping[str, Any], order: _Order) -> list[Plain]:
    return [
        {name: edge[name] for name in ("source", "action", "target", "count")}
        for edge in sorted(plain["edges"], key=order.of_edge)
    ]


def _approval(approval: Mapping[str, Any]) -> Plain:
    kept = {name: approval[name] for name in _APPROVAL}
    for name, default in _RULES.items():
        if approval.get(name, default) != default:
            kept[name] = approval[name]
    if approval.get("edited_payload") is not None:
        kept["edited_payload"] = approval["edited_payload"]
    return kept


def _approvals(plain: Mapping[str, Any], order: _Order) -> list[Plain]:
    return sorted(plain["approvals"], key=order.of_approval)


def _logs(plain: Mapping[str, Any], order: _Order) -> Iterator[Plain]:
    """Output per node, visit and stream; how it was cut into pieces is chance."""
    open_key: _Key = ()
    merged: Plain = {}
    for log in sorted(plain["logs"], key=order.of_log):
        piece = {name: log[name] for name in ("node_id", "stream", "level", "text")}
        key = order.of_log(log)
        if merged and key == open_key and piece["stream"] != "logging":
            merged["text"] += piece["text"]
            continue
        if merged:
            yield merged
        open_key, merged = key, piece
    if merged:
        yield merged
