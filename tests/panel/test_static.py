import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter

from kgnb.panel.bundle import MIME, final_bundle
from kgnb.panel.static import record_html, record_svg, record_text
from kgnb.panel.summary import Names
from kgnb.protocol.record import static_record

WIRE = Path(__file__).parent.parent / "wire"
TAGS = {
    "div",
    "style",
    "p",
    "strong",
    "span",
    "h4",
    "pre",
    "code",
    "details",
    "summary",
    "ul",
    "li",
    "b",
    "s",
    "svg",
    "title",
    "desc",
    "g",
    "rect",
    "path",
    "text",
    "polygon",
    "circle",
}
ATTRIBUTES = {
    "class",
    "role",
    "aria-label",
    "viewbox",
    "width",
    "height",
    "x",
    "y",
    "rx",
    "cx",
    "cy",
    "r",
    "d",
    "points",
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "opacity",
    "font-family",
    "font-size",
    "font-weight",
    "text-anchor",
    "data-node",
    "data-state",
    "data-kind",
    "data-edge",
    "data-count",
    "xmlns",
    "style",
    "tabindex",
    "open",
}


class Reading(HTMLParser):
    """Tags, attributes and text of a page, as a browser would see them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), ""
        self.styles = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.styles += [value for name, value in attrs if name == "style"]

    def handle_data(self, data):
        self.text += data


def hostile_view(samples, text):
    graph = {
        "name": text,
        "nodes": [{"id": text, "label": text, "kind": "node", "path": []}],
        "edges": [{"source": text, "target": text, "action": text}],
    }
    graph["svg"] = samples.draw(graph)
    problem = {"code": text, "message": text, "node_id": text}
    return samples.article_view(
        workflow=text,
        status="failed",
        graph=graph,
        nodes={
            text: samples.visited(
                "failed",
                error=problem,
                action=text,
                progress={"percent": 5.0, "total": 3.0, "message": text},
            )
        },
        edges=[{"source": text, "action": text, "target": text, "count": 1}],
        streams=[
            {**samples.stream("A:1.1/1", text, kind), "node_id": text}
            for kind in ("text", "reasoning")
        ],
        approvals=[
            samples.approval(
                "A:1",
                text,
                node_id=text,
                message=text,
                options=[text, {"a": text}],
                payload={text: text},
                reason=text,
                by={"user": text},
            )
        ],
        messages=[{"node_id": text, "role": text, "content": text}],
        results={text: {text: [text]}},
        logs=[
            {
                "node_id": text,
                "task_id": None,
                "stream": "logging",
                "level": text,
                "text": text,
            }
        ],
        result=text,
        error=problem,
    )


def test_record_html_hostile_texts_stay_text(samples, hostile):
    view = hostile_view(samples, hostile)
    data, _metadata = final_bundle(view, sign=True)
    page = Reading(data["text/html"])
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    for style in page.styles:
        assert re.fullmatch(r"white-space:pre-wrap|--k-width:\d+px", style)
    data["text/html"].encode()
    data["text/plain"].encode()
    data["image/svg+xml"].encode()


def test_record_html_shows_texts_answers_results_and_logs(view):
    text = Reading(record_html(static_record(view))).text
    for words in (
        "article",
        "✓ completed",
        "Draft (visit 1)",
        "Tides come from the wind.",
        "Tides come from the Moon and the Sun.",
        "Publish?",
        "The draft.",
        "✓ revise",
        "Answered: revise",
        "Reason: It is the Moon.",
        '{"words":42}',
        "section 1",
        "slow disk",
        "100%, 5 of 5",
    ):
        assert words in text


def test_record_html_result_of_the_run_is_not_said_twice(view):
    assert record_html(static_record(view)).count("words") == 1


def test_record_html_of_failed_run_shows_the_error_where_it_was(samples):
    problem = {"code": "internal", "message": "no <b>", "node_id": "Sections"}
    view = samples.article_view(status="failed", error=problem, result=None)
    page = record_html(static_record(view))
    assert "Error in Sections" in page
    assert "no &lt;b&gt;" in page


def test_record_html_without_signature_is_the_same_for_another_run(samples):
    one = samples.article_view()
    other = samples.article_view(run_id="e" * 32, started_at="x", ended_at="y")
    other.approvals[0].by = None
    pages = {record_html(static_record(each)) for each in (one, other)}
    assert len(pages) == 1


def test_record_html_signed_names_run_times_and_people(view):
    data, _ = final_bundle(view, sign=True)
    page = data["text/html"]
    for words in ("f" * 32, "2026-11-21T03:40:44.123Z", "by ada", "1.25 s"):
        assert words in page


def test_record_html_names_no_host_and_runs_nothing(view):
    page = record_html(static_record(view)).replace("http://www.w3.org/2000/svg", "")
    assert "http" not in page
    assert "<script" not in page
    assert "@import" not in page
    assert "url(" not in page


def test_record_html_of_a_living_run_says_so(samples):
    view = samples.article_view(status="waiting", ended_at=None)
    assert "had not ended" in record_html(static_record(view))
    assert "had not ended" not in record_html(static_record(samples.article_view()))


def test_record_html_without_picture_opens_the_list(samples):
    graph = {**samples.ARTICLE, "svg": None}
    page = record_html(static_record(samples.article_view(graph=graph)))
    assert "<svg" not in page
    assert "<details open><summary>Nodes" in page


@pytest.mark.parametrize(
    ("state", "value", "words"),
    [
        ("timed_out", "revise", "Timed out, taken: revise"),
        ("timed_out", None, "Timed out"),
        ("cancelled", None, "Cancelled"),
        ("answered", "in my own words", "Answered: in my own words"),
        ("answered", {"b": 1, "a": 2}, 'Answered: {"a":2,"b":1}'),
        ("open", None, "Open"),
    ],
)
def test_record_tells_how_an_approval_ended(samples, state, value, words):
    asked = samples.approval("Review:1", value, state=state)
    record = static_record(samples.article_view(approvals=[asked]))
    assert words in Reading(record_html(record)).text
    assert words in record_text(record)


def test_record_hidden_characters_of_an_approval_are_spelt_out(samples):
    asked = samples.approval("Review:1", "ok", message="pay \u202eevil\u200b now")
    record = static_record(samples.article_view(approvals=[asked]))
    for told in (Reading(record_html(record)).text, record_text(record)):
        assert "pay ⟨U+202E⟩evil⟨U+200B⟩ now" in told


def test_record_terminal_colours_are_taken_out(samples):
    logs = [
        {
            "node_id": "Draft",
            "task_id": "Draft:1",
            "stream": "stdout",
            "level": None,
            "text": "\x1b[1;31mred\x1b[0m",
        }
    ]
    record = static_record(samples.article_view(logs=logs))
    assert "  red\n" in record_text(record) + "\n"
    assert "<pre" in record_html(record)
    assert "[1;31m" not in record_html(record)


def test_record_svg_is_painted_and_absent_without_a_drawing(view, samples):
    assert 'data-state="completed"' in record_svg(static_record(view))
    bare = samples.article_view(graph={**samples.ARTICLE, "svg": None})
    assert record_svg(static_record(bare)) is None


TEXT = """\
article: ✓ completed
  Draft     ✓ completed \N{MULTIPLICATION SIGN}2
  Review    ✓ completed \N{MULTIPLICATION SIGN}2
  Sections  ✓ completed 100%, 5 of 5
  Publish   ✓ completed
  Archive   ○ not reached

  Draft → Review \N{MULTIPLICATION SIGN}2
  Review —revise→ Draft
  Review —publish→ Sections
  Sections → Publish

── Draft (visit 1) ─────────────────────────────────────────
  Tides come from the wind.

── Draft (visit 2) ─────────────────────────────────────────
  Tides come from the Moon and the Sun.

── Review asks ─────────────────────────────────────────────
  Publish?

  The draft.

  [publish] [✓ revise]
  Answered: revise
  Reason: It is the Moon.

── Review asks ─────────────────────────────────────────────
  Publish?

  The draft.

  [✓ publish] [revise]
  Answered: publish

── Result of Publish ───────────────────────────────────────
  {"words":42}

── Sections, stdout ────────────────────────────────────────
  section 1

── Publish, logging WARNING ────────────────────────────────
  slow disk"""


def test_record_text_reads_like_a_report(samples):
    nodes = samples.article_view().to_dict()["nodes"]
    nodes["Archive"] = {"status": "idle", "visits": 0}
    view = samples.article_view(nodes=nodes)
    assert record_text(static_record(view)) == TEXT


def test_notebook_with_a_final_bundle_exports_its_texts(view):
    data, metadata = final_bundle(view)
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    cell = nbformat.v4.new_code_cell("run", outputs=[output])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbformat.validate(notebook)
    page, _ = HTMLExporter(exclude_input=True).from_notebook_node(notebook)
    told = html.unescape(page)
    for words in (
        "Tides come from the Moon",
        "✓ publish",
        "✓ completed",
        '{"words":42}',
    ):
        assert words in told
    assert 'class="kgnb-record"' in page


def votes_view():
    return json.loads((WIRE / "record-votes.json").read_text())["view"]


def test_record_of_a_vote_tells_its_rules_and_unsigned_no_people():
    data, metadata = final_bundle(votes_view())
    for text in (data["text/html"], data["text/plain"]):
        assert "Needs 2 votes of ada, grace, linus; veto: hold" in text
        assert "no majority is possible" in text
        assert "Grace:" not in text
    assert [v["value"] for v in metadata[MIME]["votes"]["1"]] == ["sea", "tide"]


def test_record_of_a_vote_signed_tells_who_voted_for_what():
    data, _ = final_bundle(votes_view(), sign=True)
    assert "Ada: ship (tested)" in data["text/html"]
    assert "Linus: tide" in data["text/html"]
    assert "1f0c" not in data["text/html"]


def live_record():
    return json.loads((WIRE / "record-live.json").read_text())["record"]


def test_texts_of_several_streams_are_told_apart():
    text = record_text(live_record())
    for title in (
        "Draft, superseded, 10 in · 4 out",
        "Draft · de · attempt 2, 7 characters missing",
        "Draft · en · attempt 2 · reasoning",
        "Draft · en · attempt 2 · tool call search",
        "Each · item 2, superseded, 1 in · 1 out",
        "Each · item 10, 1 in · 1 out",
    ):
        assert f" {title} " in text, title


def test_page_strikes_and_folds_what_is_superseded():
    page = record_html(live_record())
    assert "<summary><s>Draft</s> superseded</summary>" in page
    assert "<s>half a te</s>" in page
    assert "<s>Hello" not in page


def test_usage_stands_at_the_run_and_at_its_nodes():
    record = live_record()
    assert "32 in · 12 out" in record_html(record)
    assert "30 in · 10 out" in record_html(record)
    lines = record_text(record).splitlines()
    assert lines[0].endswith("32 in · 12 out")
    assert "30 in · 10 out" in lines[1]


def test_bars_of_a_record_tell_their_label_and_no_pace():
    text = record_text(live_record())
    assert "100% 2 of 2 pages" in text or "100%, 2 of 2 pages" in text
    assert "/s" not in text


def test_record_tells_what_came_of_a_tool_call():
    record = json.loads((WIRE / "record-tools.json").read_text())["record"]
    text = record_text(record)
    assert re.search(r'send was called with .*\n  \{"to":"eve"\}', text)
    assert re.search(r"result of send .*\n  sent to eve", text)
    assert re.search(r"clock: not done .*\n  no clock here", text)
    assert "tool, other" in text
    page = record_html(record)
    assert page.index("sent to eve") < page.index("no clock here")
    assert page.count("sent to eve") == 1


def test_names_call_what_is_of_no_node_the_run():
    record = {"graph": {"nodes": [{"id": "a", "label": "Draft"}]}, "nodes": {}}
    names = Names.of(record)
    assert [names.node("a"), names.node("b"), names.node("")] == ["Draft", "b", "run"]
