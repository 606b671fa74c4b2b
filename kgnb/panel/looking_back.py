"""The timeline of a report: its picture as it was at each step, without a script.

The steps are a group of radio buttons, so that the arrow keys go through them; the
style sheet shows the states of the one that is chosen. A page of its own has it, and no
notebook's output: there the panel does better, and hosts strip style sheets.
"""

from __future__ import annotations

from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree as ET

from kgnb.drawing.svg import SVG_NAMESPACE
from kgnb.drawing.text import escape, label
from kgnb.panel.painting import WORDS, times
from kgnb.protocol.moments import moments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kgnb.panel.summary import Names
    from kgnb.protocol.moments import Moment

MOST_STEPS = 200
MOST_STATES = 20_000
"""Steps times nodes: beyond it the page would be large."""

_HUES = {
    "idle": "line",
    "running": "go",
    "waiting": "warn",
    "interrupted": "warn",
    "completed": "ok",
    "failed": "bad",
}

Edge = tuple[str, str, str]
"""Source, action, target."""


class State(NamedTuple):
    """How a node was: its status, and how many visits it had had."""

    status: str
    visits: int


class Then(NamedTuple):
    """How a run's graph was after one of its moments."""

    nodes: dict[str, State]
    taken: frozenset[Edge]
    last: Edge | None


def timeline(view: Mapping[str, Any], names: Names, svg: str) -> tuple[str, str]:
    """The steps of a run, and its picture prepared for them.

    Args:
        view: A ``RunView`` as a dict.
        names: How its nodes are called.
        svg: The picture with the last states, as ``record_svg`` gives it.

    Returns:
        A part of a page, empty where there is nothing to look back at, and the picture.
    """
    every = moments(view)
    most = min(MOST_STEPS, MOST_STATES // max(1, len(view["nodes"])))
    steps = list(zip(every, _each(view, every), strict=True))[-most:]
    if len(steps) < 2:  # noqa: PLR2004  # a way back needs two
        return "", svg
    ET.register_namespace("", SVG_NAMESPACE)
    root = ET.fromstring(svg)  # noqa: S314  # written by record_svg
    rules = "".join(_rules(root, [then for _, then in steps]))
    sheet = files("kgnb.panel").joinpath("steps.css").read_text("utf-8")
    told = [_told(moment, names) for moment, _ in steps]
    part = (
        f"<style>{sheet}{rules}</style><fieldset class='kgnb-steps'>"
        f"<legend>Timeline</legend>{''.join(_ticks(told))}</fieldset>"
    )
    return part, ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _ticks(told: Sequence[str]) -> Iterator[str]:
    count = len(told)
    for number, words in enumerate(told, 1):
        chosen = " checked" if number == count else ""
        yield (
            f'<label><input type="radio" name="kgnb-step" id="kgnb-s{number}"{chosen}>'
            f"<span>Step {number} of {count}: {escape(words)}</span></label>"
        )


def _told(moment: Moment, names: Names) -> str:
    action = moment.get("action", "default")
    taken = "" if action == "default" else f" → {label(action)}"
    words = {
        "begin": "started again" if "again" in moment else "started",
        "mark": f"{moment.get('percent', 0):.0f} %",
        "ask": "asked",
        "answer": "was answered",
        "end": f"{moment.get('status')}{taken}",
        "resume": "the run was resumed",
        "break": "the kernel was lost"
        if moment.get("status") == "lost"
        else f"the run had {moment.get('status')}",
    }[moment["kind"]]
    who = f"{names.node(moment['node_id'])} " if "node_id" in moment else ""
    return f"{who}{words}, {moment['at']:.1f} s"


# How it was


def _each(view: Mapping[str, Any], every: Iterable[Moment]) -> Iterator[Then]:
    """The graph after each moment; what no moment tells of was over before."""
    every = list(every)
    begun: dict[str, int] = defaultdict(int)
    for moment in every:
        if moment["kind"] == "begin" and "again" not in moment:
            begun[moment["node_id"]] += 1
    nodes = {
        node_id: _before(node["visits"] - begun[node_id])
        for node_id, node in view["nodes"].items()
    }
    ways = {edge for moment in every if (edge := _way(moment)) is not None}
    all_ways = {(e["source"], e["action"], e["target"]) for e in view["edges"]}
    taken, last = all_ways - ways, None
    active: dict[str, int] = defaultdict(int)
    for moment in every:
        node_id = moment.get("node_id", "")
        last = (_way(moment) or last) if node_id else None
        taken = taken | ({last} if last is not None else set())
        if node_id in nodes:
            active[node_id] += {"begin": 1, "end": -1}.get(moment["kind"], 0)
            nodes[node_id] = _after(nodes[node_id], moment, active[node_id])
        yield Then(dict(nodes), frozenset(taken), last)


def _before(visits: int) -> State:
    return State("completed" if visits > 0 else "idle", visits)


def _way(moment: Moment) -> Edge | None:
    via = moment.get("via")
    return via and (via["node_id"], via["action"], moment["node_id"])


def _after(state: State, moment: Moment, active: int) -> State:
    match moment["kind"]:
        case "begin":
            return State("running", state.visits + ("again" not in moment))
        case "ask":
            return state._replace(status="waiting")
        case "answer":
            return state._replace(status="running")
        case "end":
            goes_on = active > 0 and moment["status"] != "failed"
            return state._replace(status="running" if goes_on else moment["status"])
    return state


# How it is shown


def _rules(root: ET.Element, steps: Sequence[Then]) -> Iterator[str]:
    """Style rules for what differs from the end; the picture gets what they show."""
    end = steps[-1]
    for index, group in enumerate(root.iter(f"{{{SVG_NAMESPACE}}}g")):
        node, edge = group.get("data-node"), group.get("data-edge")
        name = f"kgnb-p{index}"
        if node in end.nodes:
            group.set("class", f"{group.get('class')} {name}")
            yield from _node_rules(group, name, [then.nodes[node] for then in steps])
        elif edge is not None:
            group.set("class", f"{group.get('class')} {name}")
            yield from _edge_rules(name, edge, steps)


def _node_rules(group: ET.Element, name: str, states: Sequence[State]) -> Iterator[str]:
    places = defaultdict(list)
    for number, state in enumerate(states, 1):
        if state != states[-1]:
            places[state].append(number)
    now = next((part for part in group if part.get("class") == "kgnb-state"), None)
    for nth, (state, numbers) in enumerate(places.items()):
        if now is not None:
            then = ET.SubElement(group, now.tag, now.attrib)
            then.set("class", f"kgnb-then kgnb-t{nth}")
            word = WORDS[state.status] if state.status != "idle" else "idle"
            then.text = f"{word} {times(state.visits)}".strip()
        hue = _HUES.get(state.status, "soft")
        yield (
            f"{_chosen(numbers)} .{name}{{--k-hue:var(--k-{hue});"
            f".kgnb-state,.kgnb-count{{display:none}}.kgnb-t{nth}{{display:inline}}}}"
        )


def _edge_rules(name: str, key: str, steps: Sequence[Then]) -> Iterator[str]:
    edge = next((edge for edge in steps[-1].taken if "|".join(edge) == key), None)
    if edge is None:
        return
    if missing := [n for n, then in enumerate(steps, 1) if edge not in then.taken]:
        yield f"{_chosen(missing)} .{name}{{opacity:.35}}"
    if going := [n for n, then in enumerate(steps[:-1], 1) if then.last == edge]:
        yield f"{_chosen(going)} .{name} path{{stroke:var(--k-go)}}"


def _chosen(numbers: Iterable[int]) -> str:
    ids = ",".join(f"#kgnb-s{number}" for number in numbers)
    return f".kgnb-record:has(:is({ids}):checked)"
