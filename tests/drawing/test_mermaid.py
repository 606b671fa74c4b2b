"""Mermaid text: what it says, and that the real Mermaid draws just that."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kgnb.drawing import mermaid
from kgnb.graph import Graph, Node, ParallelSubGraphNode, SubGraphNode

HERE = Path(__file__).parent / "mermaid"


def node(name, kind="node", path=()):
    label = name.rpartition("/")[2]
    return {"id": name, "label": label, "kind": kind, "path": list(path)}


def edge(source, target, action="default"):
    return {"source": source, "target": target, "action": action}


NESTED = {
    "name": "article",
    "start": "Inner",
    "nodes": [
        node("Inner", "graph"),
        node("Inner/Draft", path=["Inner"]),
        node("Inner/Deep", "graph", path=["Inner"]),
        node("Inner/Deep/A", "batch", path=["Inner", "Deep"]),
        node("Review"),
        node("Empty", "graph"),
    ],
    "edges": [
        edge("Inner", "Review"),
        edge("Inner/Draft", "Inner/Deep", "go on"),
        edge("Review", "Inner", "revise"),
        edge("Review", "Review", "again"),
        edge("Inner", "Inner", "again"),
        edge("Review", "Empty", "end"),
    ],
}


def test_nested_graphs_are_subgraphs_and_actions_are_on_the_arrows():
    assert mermaid(NESTED) == (
        "flowchart LR\n"
        "  start(( )) --> n0\n"
        '  subgraph n0["Inner"]\n'
        '    n1["Draft"]\n'
        '    subgraph n2["Deep"]\n'
        '      n3[["A"]]\n'
        "    end\n"
        "  end\n"
        '  n4["Review"]\n'
        '  n5["Empty"]\n'
        "  n0 --> n4\n"
        '  n1 -->|"go on"| n2\n'
        '  n4 -->|"revise"| n0\n'
        '  n4 -->|"again"| n4\n'
        '  n0 -->|"again"| n0\n'
        '  n4 -->|"end"| n5\n'
    )


def test_empty_graph_is_an_empty_flowchart():
    assert mermaid({"name": "x", "start": None, "nodes": [], "edges": []}) == (
        "flowchart LR\n"
    )


def test_direction_is_one_of_mermaids():
    assert mermaid(NESTED, "TB").startswith("flowchart TB\n")
    with pytest.raises(ValueError, match="expected one of LR, TB, RL, BT"):
        mermaid(NESTED, "up")


def test_graph_gives_its_own_text():
    inner = Graph(Node("a"), name="one")
    sub = SubGraphNode(inner)
    sub >> ParallelSubGraphNode([Graph(Node("b"), name="two")], node_id="both")
    assert Graph(sub).to_mermaid("TB") == (
        "flowchart TB\n"
        "  start(( )) --> n0\n"
        '  subgraph n0["one"]\n'
        '    n1["a"]\n'
        "  end\n"
        '  subgraph n2["both"]\n'
        '    subgraph n3["two"]\n'
        '      n4["b"]\n'
        "    end\n"
        "  end\n"
        "  n0 --> n2\n"
    )


@pytest.fixture(scope="module")
def page(chromium):
    """A page with the real Mermaid, of the locked version."""
    assert shutil.which("npm"), "npm is needed: apt-get install nodejs npm"
    wanted = (HERE / "package-lock.json").read_text("utf-8")
    stamp = HERE / "node_modules" / ".kgnb-lock.json"
    if not stamp.is_file() or stamp.read_text("utf-8") != wanted:
        command = ["npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit"]
        quiet = {**os.environ, "NO_COLOR": "1"}
        subprocess.run(command, cwd=HERE, check=True, timeout=280, env=quiet)
        stamp.write_text(wanted, "utf-8")
    page = chromium.new_page()
    page.set_content("<div id='drawn'></div>")
    page.add_script_tag(path=HERE / "node_modules/mermaid/dist/mermaid.min.js")
    yield page
    page.close()


DRAW = """async (text) => {
  mermaid.initialize({startOnLoad: false, securityLevel: 'strict'});
  const {svg} = await mermaid.render('graph', text);
  document.getElementById('drawn').innerHTML = svg;
  const texts = (css) => [...document.querySelectorAll('#drawn ' + css)]
    .map((each) => each.textContent.trim()).sort();
  return {
    nodes: texts('.node .nodeLabel'),
    clusters: texts('.cluster .nodeLabel'),
    actions: texts('.edgeLabel .edgeLabel').filter(Boolean),
    foreign: document.querySelectorAll('#drawn script, #drawn img, #drawn a').length,
  };
}"""


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_mermaid_draws_nesting_loops_and_actions(page, direction):
    drawn = page.evaluate(DRAW, mermaid(NESTED, direction))
    assert [name for name in drawn["nodes"] if name] == [
        "A",
        "Draft",
        "Empty",
        "Review",
    ]
    assert drawn["clusters"] == ["Deep", "Inner"]
    assert set(drawn["actions"]) == {"go on", "revise", "again", "end"}


NAMES = [
    'say "x"',
    "`markdown` **bold**",
    "#35; #quot; &amp;",
    "a|b|c -->|d| e",
    "end",
    "subgraph end",
    "%% comment",
    "[x](y){z}",
    "click me; style x",
    "back\\slash",
    "naïve 漢字 Ω",
    "$$x^2$$",
    "a_b__c",
    "1. list",
    "- item",
    "~tilde~ @ : :::class",
]


@pytest.mark.parametrize("name", NAMES)
def test_mermaid_shows_a_name_as_it_is(page, name):
    graph = {
        "start": "id",
        "nodes": [
            {"id": "id", "label": name, "kind": "node", "path": []},
            {"id": "in", "label": name, "kind": "graph", "path": []},
            {"id": "in/x", "label": name, "kind": "batch", "path": ["in"]},
        ],
        "edges": [edge("id", "in", name)],
    }
    drawn = page.evaluate(DRAW, mermaid(graph))
    assert [each for each in drawn["nodes"] if each] == [name, name]
    assert drawn["clusters"] == [name]
    assert drawn["actions"] == [name]


def test_mermaid_hostile_name_stays_text(page, hostile):
    graph = {
        "start": "id",
        "nodes": [{"id": "id", "label": hostile, "kind": "node", "path": []}],
        "edges": [edge("id", "id", hostile or "x")],
    }
    assert page.evaluate(DRAW, mermaid(graph))["foreign"] == 0
