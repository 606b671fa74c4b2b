import itertools
import os
import re
import subprocess
import sys
import threading
import time
from xml.etree import ElementTree as ET

import pytest

from kgnb.drawing import draw, layout, png
from kgnb.drawing.geometry import BOX_PADDING, LABEL_SIZE
from kgnb.drawing.widths import fit, text_width
from kgnb.errors import InvalidValue

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {
    "svg",
    "g",
    "rect",
    "path",
    "text",
    "tspan",
    "title",
    "desc",
    "polygon",
    "circle",
    "line",
    "ellipse",
}


def node(name, kind="node", path=()):
    label = name.rpartition("/")[2]
    return {"id": name, "label": label, "kind": kind, "path": list(path)}


def edge(source, target, action="default"):
    return {"source": source, "target": target, "action": action}


ARTICLE = {
    "name": "article",
    "start": "Draft",
    "nodes": [
        node("Draft"),
        node("Review"),
        node("Sections", "batch"),
        node("Publish"),
        node("Archive"),
    ],
    "edges": [
        edge("Draft", "Review"),
        edge("Review", "Draft", "revise"),
        edge("Review", "Sections", "publish"),
        edge("Review", "Archive", "drop"),
        edge("Sections", "Publish"),
    ],
}

NESTED = {
    "name": "nested",
    "start": "Plan",
    "nodes": [
        node("Plan"),
        node("Inner", "graph"),
        node("Inner/Draft", path=["Inner"]),
        node("Inner/Deep", "graph", ["Inner"]),
        node("Inner/Deep/A", path=["Inner", "Deep"]),
        node("Inner/Deep/B", path=["Inner", "Deep"]),
        node("Check"),
    ],
    "edges": [
        edge("Plan", "Inner"),
        edge("Inner/Draft", "Inner/Deep"),
        edge("Inner/Deep/A", "Inner/Deep/B"),
        edge("Inner", "Check"),
        edge("Inner", "Inner", "again"),
        edge("Check", "Plan", "no"),
        edge("Check", "Inner", "retry"),
    ],
}


def parts(svg):
    root = ET.fromstring(svg)
    nodes = {g.get("data-node"): g for g in root.iter(f"{SVG}g") if g.get("data-node")}
    edges = {g.get("data-edge"): g for g in root.iter(f"{SVG}g") if g.get("data-edge")}
    return root, nodes, edges


def labels(group):
    return [
        text for text in group.iter(f"{SVG}text") if text.get("class") == "kgnb-label"
    ]


def box(group):
    rect = group.find(f"{SVG}rect")
    x, y, width, height = (int(rect.get(k)) for k in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def test_draw_graph_holds_every_node_and_edge_by_its_key():
    _, nodes, edges = parts(draw(ARTICLE))
    assert list(nodes) == [each["id"] for each in ARTICLE["nodes"]]
    assert "Review|revise|Draft" in edges
    assert len(edges) == len(ARTICLE["edges"])


def test_draw_node_has_the_parts_that_the_browser_writes_to():
    _, nodes, _ = parts(draw(ARTICLE))
    group = nodes["Draft"]
    texts = {text.get("class"): text.text for text in group.iter(f"{SVG}text")}
    assert group.get("class") == "kgnb-node"
    assert group.get("data-state") == "idle"
    assert texts == {"kgnb-label": "Draft", "kgnb-state": "idle", "kgnb-count": None}


def test_draw_twice_gives_the_same_bytes():
    assert draw(NESTED) == draw(NESTED)


def test_draw_under_other_hash_seeds_and_fonts_gives_the_same_bytes(tmp_path):
    code = (
        "import json,sys; from kgnb.drawing import draw;"
        "sys.stdout.buffer.write(draw(json.load(sys.stdin)).encode())"
    )
    import json

    drawn = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(NESTED).encode(),
            env={**os.environ, "PYTHONHASHSEED": seed, **fonts},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
        for fonts in ({}, {"FONTCONFIG_FILE": str(tmp_path / "none")})
    }
    assert drawn == {draw(NESTED).encode()}


def test_draw_any_graph_writes_only_harmless_elements_and_whole_numbers():
    svg = draw(NESTED)
    root = ET.fromstring(svg)
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= ALLOWED
    for each in root.iter():
        assert not {"style", "href", "id", "transform"} & set(each.attrib)
        for name in ("x", "y", "d", "points", "cx", "cy", "viewBox"):
            assert "." not in each.get(name, "")
    assert "url(" not in svg


def test_draw_hostile_label_stays_text(hostile):
    text = hostile
    graph = {
        "name": text,
        "start": text,
        "nodes": [
            {"id": text, "label": text, "kind": text, "path": []},
            {"id": "in", "label": text, "kind": "node", "path": [text + "/"]},
        ],
        "edges": [{"source": text, "target": "in", "action": text}],
    }
    svg = draw(graph)
    root = ET.fromstring(svg)
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= ALLOWED
    names = {name for each in root.iter() for name in each.attrib}
    assert not {name for name in names if name.startswith("on")}
    svg.encode()


def test_draw_hostile_id_can_be_found_again():
    name = "<a> & \"b\" 'c' ☃ 日本 😀"
    _, nodes, edges = parts(
        draw({"nodes": [node(name)], "edges": [edge(name, name, "<|>")]})
    )
    assert list(nodes) == [name]
    assert list(edges) == [f"{name}|<|>|{name}"]


def test_draw_nested_graph_frames_what_lies_in_it():
    _, nodes, _ = parts(draw(NESTED))
    for outer, inner in [
        ("Inner", "Inner/Draft"),
        ("Inner", "Inner/Deep"),
        ("Inner/Deep", "Inner/Deep/A"),
        ("Inner/Deep", "Inner/Deep/B"),
    ]:
        left, top, right, bottom = box(nodes[outer])
        x, y, end_x, end_y = box(nodes[inner])
        assert left < x
        assert top + 18 < y
        assert right > end_x
        assert bottom > end_y
    assert "kgnb-cluster" in nodes["Inner"].get("class")


def test_draw_graph_not_listed_as_a_node_still_frames_its_members():
    graph = {"nodes": [node("In/A", path=["In"]), node("B")], "edges": []}
    root, nodes, _ = parts(draw(graph))
    frames = [g for g in root.iter(f"{SVG}g") if g.get("class") == "kgnb-cluster"]
    assert len(frames) == 1
    assert set(nodes) == {"In/A", "B"}


@pytest.mark.parametrize(
    "nodes",
    [
        [node("A", path=["A"])],
        [node("A", path=["B"]), node("B", path=["A"])],
        [node("A"), node("A")],
        [node("A", "graph")],
    ],
    ids=["in itself", "in each other", "twice", "empty graph"],
)
def test_draw_odd_nesting_is_survived(nodes):
    assert draw({"nodes": nodes, "edges": [edge("A", "A")]}).startswith("<svg")


def test_draw_loop_lies_as_the_work_flows_whatever_the_order_of_writing():
    steps = ["Plan", "Draft", "Check", "Send"]
    links = [edge(a, b) for a, b in itertools.pairwise(steps)]
    links.append(edge("Check", "Plan", "again"))
    graph = {"start": "Plan", "nodes": [node(s) for s in steps[::-1]]}
    _, nodes, _ = parts(draw({**graph, "edges": links[::-1]}))
    lefts = [box(nodes[step])[0] for step in steps]
    assert lefts == sorted(lefts)


def test_draw_everything_lies_within_the_view_box():
    for graph in (ARTICLE, NESTED):
        root, nodes, _ = parts(draw(graph))
        _, _, width, height = map(int, root.get("viewBox").split())
        for group in nodes.values():
            left, top, right, bottom = box(group)
            assert left >= 0
            assert top >= 0
            assert right <= width
            assert bottom <= height
        for path in root.iter(f"{SVG}path"):
            numbers = list(map(int, re.findall(r"-?\d+", path.get("d"))))
            assert min(numbers) >= 0
            assert max(numbers) <= max(width, height)


def test_draw_arrow_ends_at_its_target_box():
    _, nodes, edges = parts(draw(ARTICLE))
    for key, group in edges.items():
        left, top, right, bottom = box(nodes[key.rpartition("|")[2]])
        tip = group.find(f"{SVG}polygon").get("points").split()[0]
        x, y = map(int, tip.split(","))
        # The head of a batch's arrow may touch the sheet behind it.
        assert left - 3 <= x <= right + 7
        assert top - 7 <= y <= bottom + 3


def test_draw_boxes_do_not_overlap_and_hold_their_labels():
    names = ["A", "A rather long name of a node", "日本語のノード", "WWWWWWWWWW"]
    graph = {
        "nodes": [node(name) for name in names],
        "edges": [edge(names[0], name) for name in names[1:]],
    }
    _, nodes, _ = parts(draw(graph))
    boxes = [box(group) for group in nodes.values()]
    for name, (left, _, right, _) in zip(names, boxes, strict=True):
        assert right - left >= text_width(name, LABEL_SIZE) + 2 * BOX_PADDING
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            apart = one[2] < other[0] or other[2] < one[0]
            assert apart or one[3] < other[1] or other[3] < one[1]


def test_draw_long_label_is_cut_and_told_in_full_by_its_title():
    name = "word " * 40
    _, nodes, _ = parts(draw({"nodes": [node(name)], "edges": []}))
    group = nodes[name]
    assert [text.text[-1] for text in labels(group)] == ["d", "…"]
    assert group.find(f"{SVG}title").text == name.strip()


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "HumanInTheLoopMiddleware.after_model",
            ["HumanInTheLoopMiddleware", ".after_model"],
        ),
        ("a name of so many words that they need two", None),
        ("summarise_the_conversation_before_the_model", None),
        ("SummariseTheConversationBeforeTheModel", None),
        ("short.name", ["short.name"]),
    ],
)
def test_draw_long_label_takes_two_lines_where_it_can_be_broken(name, lines):
    _, nodes, _ = parts(draw({"nodes": [node(name)], "edges": []}))
    group = nodes[name]
    shown = [text.text for text in labels(group)]
    assert "".join(shown).replace(" ", "") == name.replace(" ", "")
    assert shown == lines if lines else len(shown) == 2
    rect = group.find(f"{SVG}rect")
    assert int(rect.get("height")) == (48 if len(shown) == 1 else 64)


def test_draw_long_chain_stands_upright_rather_than_small():
    names = [f"Step {i}" for i in range(12)]
    links = [edge(a, b) for a, b in itertools.pairwise(names)]
    root, _, _ = parts(draw({"nodes": [node(n) for n in names], "edges": links}))
    assert int(root.get("width")) < int(root.get("height"))


def test_draw_edge_to_nowhere_is_left_out():
    graph = {"nodes": [node("A")], "edges": [edge("A", "Nowhere")], "start": "None"}
    _, _, edges = parts(draw(graph))
    assert edges == {}


@pytest.mark.parametrize("graph", [{}, {"nodes": []}, {"nodes": [], "edges": []}])
def test_draw_empty_graph_gives_none(graph):
    assert draw(graph) is None


def test_draw_without_pygraphviz_gives_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert draw(ARTICLE) is None


def test_draw_when_graphviz_fails_gives_none(monkeypatch):
    monkeypatch.setattr(layout, "_graphviz", lambda source: None)
    assert draw(ARTICLE) is None


def chain(count, loops=0):
    names = [str(i) for i in range(count)]
    links = [edge(a, b, "go") for a, b in itertools.pairwise(names)]
    links += [edge(names[i * 3 + 5], names[i * 3], "back") for i in range(loops)]
    return {"start": "0", "nodes": [node(n) for n in names], "edges": links}


def tangle(count, edges):
    """Edges between nodes all over the graph, the same ones every time."""
    links = [
        edge(str(i * 7919 % count), str(i * 104729 % count), str(i))
        for i in range(1, edges + 1)
    ]
    return {"start": "0", "nodes": [node(str(i)) for i in range(count)], "edges": links}


@pytest.mark.parametrize(
    "graph",
    [chain(300), chain(300, 90), tangle(300, 340), tangle(300, 590)],
    ids=["chain", "loops", "some tangle", "much tangle"],
)
def test_draw_300_nodes_takes_less_than_2_seconds(graph):
    began = time.process_time()
    assert draw(graph) is not None
    assert time.process_time() - began < 2


@pytest.mark.parametrize("graph", [chain(501), tangle(100, 500)])
def test_draw_graph_past_the_limit_gives_none_at_once(graph):
    began = time.process_time()
    assert draw(graph) is None
    assert time.process_time() - began < 0.5


def test_draw_from_many_threads_gives_the_same_pictures():
    graphs = [ARTICLE, NESTED, chain(20)]
    expected = [draw(graph) for graph in graphs]
    seen = []

    def work(start):
        order = [(start + step) % 3 for step in range(9)]
        seen.extend(draw(graphs[which]) == expected[which] for which in order)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 54
    assert all(seen)


def test_fit_text_never_exceeds_its_room():
    for room in range(13, 200, 7):
        cut = fit("Wide and narrow: 日本語 iiiii WWWW", 13, room)
        assert text_width(cut, 13) <= room


def test_png_of_more_pixels_than_a_kernel_has_room_for_is_refused():
    drawn = '<svg class="kgnb-graph" width="4000" height="4000"></svg>'
    with pytest.raises(InvalidValue, match="32,000 by 32,000 pixels"):
        png(drawn, 8.0)
