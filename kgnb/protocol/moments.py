"""The moments of a run at which something in its picture changed, for looking back.

Computed from a view alone, so that nothing is asked of anybody; an output's metadata
keeps them, since a record has no times. ``kgnb/web/src/moments.js`` is the twin.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kgnb.protocol.ids import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Moment = dict[str, Any]
"""``at`` (seconds since the run began), ``kind``, and what that has:

* ``begin``: ``node_id``, ``task_id``; ``via`` where an edge led there, ``again`` where
  a visit that was cut off begins anew
* ``mark``: ``node_id``, ``task_id``, ``percent``
* ``ask``, ``answer``: ``node_id``, ``task_id``
* ``end``: ``node_id``, ``task_id``, ``status``; ``action``, ``duration``
* ``break``: ``status``, as what the run ended before it went on; ``resume``
"""

MAX_MOMENTS = 1000


def moments(view: Mapping[str, Any]) -> list[Moment]:
    """All of them in order, of more than ``MAX_MOMENTS`` the latest.

    Args:
        view: A ``RunView`` as a dict.
    """
    timeline = view["timeline"]
    if not timeline:
        return []
    origin = _time(view["started_at"]) or _time(timeline[0]["started_at"])
    asked: dict[str | None, list[Mapping[str, Any]]] = {}
    for approval in view["approvals"]:
        asked.setdefault(approval["task_id"], []).append(approval)
    found: list[Moment] = []
    seen: set[str | None] = set()
    last = {visit["task_id"]: visit for visit in timeline}
    for visit in timeline:
        task = visit["task_id"]
        mine = asked.get(task, []) if last[task] is visit else []
        found += _visit(visit, mine, is_again=task in seen)
        seen.add(task)
    for pause in view["interruptions"]:
        found.append(_moment(pause["at"], "break", status=pause["status"]))
        found.append(_moment(pause["resumed_at"], "resume"))
    if view["status"] == "lost":
        found.append(_moment(view["ended_at"], "break", status="lost"))
    for moment in found:
        moment["at"] = max(0.0, round(moment["at"] - origin, 3))
    return sorted(found, key=lambda moment: moment["at"])[-MAX_MOMENTS:]


def _time(stamp: str | None) -> float:
    """Seconds; 0 for what is no time."""
    try:
        return seconds(stamp or "")
    except ValueError:
        return 0.0


def _moment(stamp: str | None, kind: str, **told: Any) -> Moment:
    return {"at": _time(stamp), "kind": kind, **told}


def _visit(
    visit: Mapping[str, Any], asked: list[Mapping[str, Any]], *, is_again: bool
) -> Iterator[Moment]:
    """A visit's own, in an order that no other clock can upset."""
    of = {"node_id": visit["node_id"], "task_id": visit["task_id"]}
    begin = _moment(visit["started_at"], "begin", **of)
    if visit["via"] is not None:
        begin["via"] = visit["via"]
    if is_again:
        begin["again"] = True
    yield begin
    is_over = visit["ended_at"] is not None
    latest = begin["at"]
    until = max(latest, _time(visit["ended_at"])) if is_over else math.inf
    for moment in sorted(_inner(visit, asked, of), key=lambda moment: moment["at"]):
        latest = moment["at"] = min(max(latest, moment["at"]), until)
        yield moment
    if not is_over:
        return
    end = {"at": until, "kind": "end", **of, "status": visit["status"]}
    for name in ("action", "duration"):
        if visit[name] is not None:
            end[name] = visit[name]
    yield end


def _inner(
    visit: Mapping[str, Any], asked: list[Mapping[str, Any]], of: Moment
) -> Iterator[Moment]:
    for mark in visit["marks"]:
        yield _moment(mark["at"], "mark", **of, percent=mark["percent"])
    for approval in asked:
        yield _moment(approval["opened_at"], "ask", **of)
        by = approval["by"] or {}
        if approval["state"] != "open" and by.get("at"):
            answer = _moment(by["at"], "answer", **of)
            answer["at"] = max(answer["at"], _time(approval["opened_at"]))
            yield answer
