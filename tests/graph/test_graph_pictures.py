"""graph.to_svg(): the panel's picture, a file, and why there is none."""

import itertools
from xml.etree import ElementTree as ET

import pytest

from kgnb.drawing import layout
from kgnb.errors import GraphError
from kgnb.graph import Graph, Node, SubGraphNode
from kgnb.panel.display import RunDisplay


def article():
    draft, review = Node("Draft"), Node("Review")
    draft >> review
    review >> draft
    return Graph(SubGraphNode(Graph(draft, name="inner")), name="article")


def test_svg_is_the_panels_picture():
    from kgnb.engines import engine_for

    spec = engine_for(article()).describe().to_dict()
    assert article().to_svg() == RunDisplay().draw(spec)


def test_svg_is_written_whole_and_stands_alone(tmp_path):
    path = tmp_path / "article.svg"
    text = article().to_svg(path)
    assert path.read_text(encoding="utf-8") == text
    assert article().to_svg(str(path)) == text
    groups = ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}g")
    nodes = {group.get("data-node") for group in groups} - {None}
    assert nodes == {"inner", "inner/Draft", "inner/Review"}


def test_svg_of_an_empty_graph_says_what_to_do(tmp_path):
    with pytest.raises(
        GraphError, match=r"no nodes; set the first one by start\(node\)"
    ):
        Graph().to_svg(tmp_path / "none.svg")
    assert list(tmp_path.iterdir()) == []


def test_svg_of_too_many_nodes_says_how_many():
    nodes = [Node() for _ in range(501)]
    for node, following in itertools.pairwise(nodes):
        node >> following
    with pytest.raises(GraphError, match=r"501 nodes are too many .* to_mermaid\(\)"):
        Graph(nodes[0]).to_svg()


def test_svg_without_pygraphviz_says_what_to_install(monkeypatch):
    monkeypatch.setattr(layout, "_graphviz", lambda source: None)
    monkeypatch.setattr("kgnb.graph.pictures.find_spec", lambda name: None)
    with pytest.raises(GraphError, match="pip install pygraphviz"):
        article().to_svg()


def test_graph_shows_no_picture_of_itself():
    for name in ("_repr_svg_", "_repr_html_", "_repr_mimebundle_", "_ipython_display_"):
        assert not hasattr(Graph, name)
