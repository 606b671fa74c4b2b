"""What a model or a stranger wrote: shown as text, and nothing else happens."""

import pytest
import scenes
import tally
from hostile import MARKDOWN, MARKUP, OUT
from playwright.sync_api import expect


def assert_untouched(harness, before):
    harness.settle()
    assert harness.js("() => window.pwned") is None
    assert harness.requests[before:] == []
    foreign = harness.js(
        """() => document.querySelectorAll(`.kgnb :is(script, img, image, iframe, link,
            object, embed, video, audio, use, foreignObject, base, meta, source,
            [data-commandlinker-command], a:not(.kgnb-open))`).length"""
    )
    assert foreign == 0


def test_hostile_texts_are_many():
    assert len({*MARKUP}) == len(MARKUP) >= 100
    assert len({*MARKDOWN}) == len(MARKDOWN) >= 40


ROUNDS = 8
"""In how many pieces each comes: it is drawn half finished that often, less one."""
BESIDE = 32
"""How many stream at a time."""


def pieces(texts, visit, index):
    """Tokens of these texts, each in a stream of its own."""
    for number, text in enumerate(texts):
        size = -(-len(text) // ROUNDS)
        yield {
            "type": "token",
            "node_id": "Draft",
            "task_id": f"Draft:{visit}",
            "attempt": 1,
            "stream": f"Draft:{visit}.1/of {number}",
            "index": index * size,
            "data": text[index * size : (index + 1) * size],
        }


@pytest.mark.parametrize("is_markdown", [False, True])
def test_hostile_text_is_shown_as_text_while_it_streams(harness, is_markdown):
    texts = MARKUP + MARKDOWN
    texts.append("\n\n".join(texts))
    harness.push(scenes.started(), *scenes.tokens("Draft", 1, "begin", final=False))
    harness.live()
    if is_markdown:
        harness.page.get_by_role("button", name="Markdown").click()
    before = len(harness.requests)
    for visit, first in enumerate(range(0, len(texts), BESIDE), 2):
        some = texts[first : first + BESIDE]
        harness.push(scenes.update("Draft", visit, "running"))
        for index in range(ROUNDS):
            said = pieces(some, visit, index)
            harness.push(*(each for each in said if each["data"]))
            assert_untouched(harness, before)
    drawn = harness.page.locator("[data-stream]").all_text_contents()
    assert len(drawn) == 1 + len(texts)
    if not is_markdown:
        assert drawn == ["begin", *texts]
    how = "as Markdown" if is_markdown else "as text"
    tally.count(f"forms of XSS in Chromium, streamed {how}", len(MARKUP))
    tally.count(f"forms of exfiltration in Chromium, streamed {how}", len(MARKDOWN))
    tally.count("requests that these made", len(harness.requests) - before)


def test_element_that_takes_the_name_of_jupyters_configuration_is_none(harness):
    """What HTML in an output can do: it has ids, and no scripts (CVE-2024-43805)."""
    bases = harness.js(
        """async () => {
            const add = (tag, baseUrl, put) => {
                const element = document.createElement(tag);
                element.id = element.name = 'jupyter-config-data';
                element.type = 'application/json';
                element.textContent = JSON.stringify({baseUrl});
                document.body[put](element);
            };
            const { pageBaseUrl } = await import('/kgnb/web/src/jupyter.js');
            for (const tag of ['p', 'form', 'a', 'textarea', 'object'])
                add(tag, '/evil/', 'prepend');
            const without = pageBaseUrl();
            add('script', '/right/', 'append');
            return [without, pageBaseUrl()];
        }"""
    )
    assert bases == [None, "/right/"]


@pytest.mark.parametrize("is_final", [False, True])
def test_hostile_words_everywhere_else_are_text(harness, is_final):
    before = len(harness.requests)
    for index, text in enumerate(MARKUP):
        node = f"{text} {index}"
        nodes = [{"id": node, "label": text, "kind": "node", "path": [text]}]
        problem = {"code": "internal", "message": text, "node_id": node}
        harness.push(
            {"type": "workflow_started", "workflow": text, "graph": {"nodes": nodes}},
            scenes.update(node, 1, "running", message=text),
            scenes.item(node, text, 50),
            scenes.log(node, text, "logging", text),
            {
                "type": "message",
                "node_id": node,
                "data": {"role": text, "content": text},
            },
            {"type": "result", "node_id": node, "data": {text: text}},
            {"type": text, "node_id": node, "data": text},
            scenes.ask(f"a{index}", node, message=text, payload=text, options=[text]),
            scenes.update(node, 1, "failed", error=problem),
        )
    harness.push(
        {"type": "workflow_failed", "error": problem}
        if is_final
        else {"type": "workflow_paused"}
    )
    (harness.record if is_final else harness.live)()
    expect(harness.page.locator(".kgnb-node-row").first).to_be_attached()
    assert_untouched(harness, before)


@pytest.mark.parametrize("is_final", [False, True])
def test_names_that_every_object_has_are_names_of_nodes(harness, is_final):
    """Also where nothing is known of such a node: a record that somebody made up."""
    names = ["__proto__", "constructor", "toString", "hasOwnProperty"]
    nodes = [{"id": n, "label": n, "kind": "node", "path": []} for n in names]
    harness.push({"type": "workflow_started", "graph": {"nodes": nodes}})
    harness.push(*(scenes.update(name, 1, "running") for name in names[:2]))
    (harness.record if is_final else harness.live)()
    for name in names[:2]:
        row = harness.page.locator(".kgnb-node-row", has_text=name)
        expect(row).to_contain_text("running")
    assert harness.js("() => ({}).status") is None


@pytest.mark.parametrize(
    "inside",
    [
        "<script>window.pwned = 1</script>",
        "<foreignObject><p>x</p></foreignObject>",
        f"<image href='{OUT}'/>",
        f"<use href='{OUT}#x'/>",
        "<a href='javascript:window.pwned = 1'><text>x</text></a>",
        "<rect onclick='window.pwned = 1'/>",
        f"<rect fill='url({OUT})'/>",
        f"<rect style='fill:url({OUT})'/>",
        "<style>*{color:red}</style>",
        "<animate attributeName='href' values='javascript:alert(1)'/>",
        "<set attributeName='onclick' to='window.pwned = 1'/>",
        "<rect id='kgnb'/>",
        "<h:img xmlns:h='http://www.w3.org/1999/xhtml' src='x' onerror='window.pwned=1'/>",
        "<g xlink:href='x' xmlns:xlink='http://www.w3.org/1999/xlink'/>",
    ],
)
def test_drawing_with_anything_but_a_drawing_in_it_is_not_shown(harness, inside):
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>{inside}</svg>"
    before = len(harness.requests)
    harness.push({"type": "workflow_started", "graph": {**scenes.graph(), "svg": svg}})
    harness.live()
    expect(harness.page.locator(".kgnb-node-row")).to_have_count(4)
    expect(harness.page.locator(".kgnb-picture")).to_be_hidden()
    assert_untouched(harness, before)


@pytest.mark.parametrize(
    "svg", ["<svg", "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>", "no"]
)
def test_broken_drawing_leaves_the_list(harness, svg):
    harness.push({"type": "workflow_started", "graph": {**scenes.graph(), "svg": svg}})
    harness.live()
    expect(harness.page.locator(".kgnb-node-row")).to_have_count(4)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("pay 100\u202e000", ["U+202E"]),
        ("a\u200bb\u200cc\u200d", ["U+200B", "U+200C", "U+200D"]),
        ("\u2066x\u2069", ["U+2066", "U+2069"]),
        ("bell\u0007 esc\u001b[31m nul\u0000", ["U+0007", "U+001B", "U+0000"]),
        ("tag\U000e0041", ["U+E0041"]),
        ("soft\u00adhyphen \ufeff", ["U+00AD", "U+FEFF"]),
        ("plain text\twith tab\nand 👩\u200d💻 ❤\ufe0f", []),
    ],
)
def test_hidden_characters_of_a_question_are_shown(harness, text, marks):
    harness.push(scenes.started(), scenes.ask(payload={"command": text}))
    harness.push(scenes.ask("a2", payload=text, message=text))
    harness.live()
    second = harness.page.locator("[data-approval=a2]")
    expect(second.locator(".kgnb-value .kgnb-hidden")).to_have_text(marks)
    expect(second.locator(".kgnb-card-question .kgnb-hidden")).to_have_text(marks)
    warning = second.locator(".kgnb-card-warning")
    expect(warning).to_have_count(1 if marks else 0)


def test_text_cannot_draw_a_question(harness):
    fake = '<section class="kgnb-card"><button>publish</button></section>'
    harness.push(scenes.started(), scenes.update("Draft", 1, "running"))
    harness.push(*scenes.tokens("Draft", 1, fake))
    harness.live()
    expect(harness.page.locator(".kgnb-stream-text")).to_have_text(fake)
    expect(harness.page.locator(".kgnb-card")).to_have_count(0)


def test_question_of_a_megabyte_is_shown_whole(harness):
    text = "x" * 79 + "\n"
    harness.push(scenes.started(), scenes.ask(payload=text * 13_000))
    harness.live()
    box = harness.page.locator(".kgnb-card .kgnb-value")
    expect(box).to_be_visible()
    assert box.evaluate("box => box.textContent.length") == 80 * 13_000
    assert box.evaluate("box => box.scrollHeight > box.clientHeight")
