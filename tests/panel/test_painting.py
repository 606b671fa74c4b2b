from xml.etree import ElementTree as ET

import pytest

from kgnb.drawing import draw
from kgnb.panel.painting import WORDS, paint

SVG = "{http://www.w3.org/2000/svg}"


def groups(svg):
    root = ET.fromstring(svg)
    return {
        each.get("data-node") or each.get("data-edge"): each
        for each in root.iter(f"{SVG}g")
    }


def texts(group):
    return {text.get("class"): text.text or "" for text in group.iter(f"{SVG}text")}


def one_node(status, visits=1, kind="node"):
    graph = {"nodes": [{"id": "A", "label": "A", "kind": kind, "path": []}]}
    view = {"status": "failed", "nodes": {"A": {"status": status, "visits": visits}}}
    return paint(draw(graph), view)


@pytest.mark.parametrize("status", WORDS)
def test_paint_node_writes_the_state_as_word_and_attribute(status):
    group = groups(one_node(status))["A"]
    assert group.get("data-state") == status
    assert texts(group)["kgnb-state"] == WORDS[status]


def test_paint_every_state_has_a_word_and_a_look_of_its_own():
    looks = {
        tuple(sorted(groups(one_node(status))["A"].find(f"{SVG}rect").items()))
        for status in WORDS
    }
    assert len(looks) == len(WORDS) == len(set(WORDS.values()))


@pytest.mark.parametrize(
    ("visits", "shown"),
    [
        (0, ""),
        (1, ""),
        (2, "\N{MULTIPLICATION SIGN}2"),
        (12, "\N{MULTIPLICATION SIGN}12"),
    ],
)
def test_paint_count_is_shown_from_the_second_visit(visits, shown):
    group = groups(one_node("completed", visits))["A"]
    assert texts(group)["kgnb-count"] == shown


def test_paint_edges_tell_how_often_they_were_taken(view):
    painted = groups(paint(view.graph.svg, view.to_dict()))
    assert painted["Draft|default|Review"].get("data-count") == "2"
    dropped = painted["Review|drop|Archive"]
    assert dropped.get("data-count") == "0"
    assert dropped.find(f"{SVG}path").get("stroke-dasharray")


def test_paint_run_that_goes_on_leaves_what_is_still_to_come(view):
    plain = {**view.to_dict(), "status": "running"}
    painted = groups(paint(view.graph.svg, plain))
    assert texts(painted["Archive"])["kgnb-state"] == "idle"
    assert painted["Review|drop|Archive"].get("data-count") == "0"
    assert not painted["Review|drop|Archive"].find(f"{SVG}path").get("opacity")
    assert texts(painted["Draft"])["kgnb-state"] == WORDS["completed"]


def test_paint_twice_and_paint_again_give_the_same_bytes(view):
    once = paint(view.graph.svg, view.to_dict())
    assert paint(view.graph.svg, view.to_dict()) == once
    assert paint(once, view.to_dict()) == once


def test_paint_unknown_state_and_node_do_no_harm():
    painted = paint(
        draw({"nodes": [{"id": "A", "label": "A"}]}),
        {"nodes": {"A": {"status": "<x>"}}},
    )
    assert groups(painted)["A"].get("data-state") == "idle"


@pytest.mark.parametrize(
    "svg",
    [
        "",
        "no picture",
        "<svg/>",
        "<html xmlns='http://www.w3.org/2000/svg'/>",
        "<!DOCTYPE svg><svg xmlns='http://www.w3.org/2000/svg'/>",
        "<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
        "<svg xmlns='http://www.w3.org/2000/svg'>",
        "<svg xmlns='http://www.w3.org/2000/svg'>" + " " * 4_000_001 + "</svg>",
    ],
    ids=["empty", "text", "no namespace", "html", "doctype", "pi", "broken", "huge"],
)
def test_paint_what_is_no_picture_gives_nothing(svg):
    assert paint(svg, {}) == ""


def test_paint_foreign_picture_loses_all_that_acts_or_loads():
    foreign = (
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:h='http://www.w3.org/1999/xhtml'"
        " xmlns:l='http://www.w3.org/1999/xlink' onload='alert(1)' style='color:red'>"
        "<script>alert(1)</script><style>*{}</style><h:script>alert(1)</h:script>"
        "<foreignObject><h:iframe src='//evil.example'/></foreignObject>"
        "<image href='//evil.example'/><use href='#x'/><a l:href='javascript:x'/>"
        "<animate onbegin='alert(1)'/><svg onload='alert(1)'/>"
        "<rect id='x' fill='URL (//evil.example)' width='1' onclick='alert(1)'/></svg>"
    )
    painted = paint(foreign, {})
    root = ET.fromstring(painted)
    assert [each.tag for each in root.iter()] == [f"{SVG}svg", f"{SVG}rect"]
    assert root[0].attrib == {"width": "1"}
    assert "evil" not in painted
    assert "alert" not in painted


def test_paint_picture_nested_without_end_is_cut():
    depth = 20_000
    deep = "<svg xmlns='http://www.w3.org/2000/svg'>" + "<g>" * depth + "</g>" * depth
    assert len(paint(deep + "</svg>", {})) < 200
