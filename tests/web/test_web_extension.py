"""The notebook extension's container, loaded as an application loads it."""

import json
from itertools import cycle
from pathlib import Path

import pytest
import scenes
from hostile import MARKUP, OUT
from playwright.sync_api import expect

CONTAINER = """async ([module, scope]) => {
    const shared = scope === 'lumino' ? {'@lumino/widgets': {'2.0.0': {
        get: async () => () => ({Widget: class {
            node = document.createElement('div');
            title = {};
            disposed = {connect() {}};
            addClass(name) { this.node.classList.add(name); }
            dispose() {}
        }}),
    }}} : {};
    await _JUPYTERLAB.kgnb.init(shared);
    const made = (await _JUPYTERLAB.kgnb.get(module))();
    made.__scope__ = 'kgnb';
    window.made = made;
    return [Object.keys(made), JSON.parse(JSON.stringify(made.default))];
}"""

MIME = "application/vnd.kgnb.run+json"

LIVE = {"version": 1, "final": False, "name": "article", "graph": scenes.graph()}

SERVED = """config => {
    const element = document.createElement('script');
    element.type = 'application/json';
    element.id = 'jupyter-config-data';
    element.textContent = config;
    document.head.append(element);
}"""

EXTENSION = Path(__file__).parents[2] / "kgnb" / "web" / "labextension"


@pytest.fixture
def container(harness, site):
    package = json.loads((EXTENSION / "package.json").read_text("utf-8"))
    script = package["jupyterlab"]["_build"]["load"]
    harness.page.add_script_tag(url=f"{site}/kgnb/web/labextension/{script}")
    return harness


@pytest.fixture
def renderer(container):
    container.js(CONTAINER, ["./mimeExtension", "lumino"])
    container.js(
        """mime => {
            const renderer = made.default.rendererFactory.createRenderer({});
            document.body.append(renderer.node);
            window.model = {
                data: {}, metadata: {}, written: [],
                setData(options) {
                    this.written.push(options);
                    Object.assign(this, options);
                    return renderer.renderModel(this);
                },
            };
        }""",
        MIME,
    )
    return container


def asked(harness, before):
    """The requests since then, but for the extension's own modules."""
    own = "/kgnb/web/labextension/static/"
    return [url for url in harness.requests[before:] if own not in url]


def show(harness, bundle, metadata):
    data = {"data": {MIME: bundle}, "metadata": {MIME: metadata}}
    harness.js("data => window.model.setData(data)", data)


@pytest.mark.parametrize("module", ["./extension", "./mimeExtension", "./unknown"])
def test_module_that_cannot_be_made_is_an_empty_one(container, module):
    warnings = []
    container.page.on("console", lambda message: warnings.append(message.text))
    keys, default = container.js(CONTAINER, [module, "nothing"])
    assert "__esModule" in keys
    assert default == []
    assert any("kgnb: left out" in text for text in warnings)


def test_plugin_that_finds_no_application_starts_all_the_same(container):
    container.js(CONTAINER, ["./extension", "lumino"])
    container.js("() => made.default.activate({})")
    assert container.js("() => made.default.id") == "kgnb:runs"


def test_renderer_comes_before_the_widget_and_html(container):
    _, default = container.js(CONTAINER, ["./mimeExtension", "lumino"])
    assert default["rank"] == -20
    assert default["dataType"] == "json"
    assert default["rendererFactory"]["mimeTypes"] == [MIME]


def test_record_is_drawn_and_asks_nobody(renderer):
    renderer.push(*scenes.finished())
    record = renderer.js(
        "() => harness.kgnb.staticRecord(structuredClone(harness.log)"
        ".reduce(harness.kgnb.reduce, harness.kgnb.emptyView()))"
    )
    before = len(renderer.requests)
    show(renderer, {"version": 1, "final": True, "record": record}, {"run_id": "r1"})
    expect(renderer.page.locator(".kgnb-run-chip")).to_have_text("completed")
    assert asked(renderer, before) == []
    assert renderer.js("() => harness.sent") == []


def test_end_that_is_read_live_is_written_into_the_notebook(renderer):
    renderer.js(SERVED, '{"baseUrl": "/"}')
    show(renderer, LIVE, {"run_id": "r1", "kernel_id": None, "log": "server"})
    renderer.push(*scenes.finished())
    renderer.page.wait_for_function("() => model.written.length === 2", timeout=8000)
    written = renderer.js("() => model.written[1]")
    assert sorted(written["data"]) == [MIME, "text/html", "text/plain"]
    kept = written["data"][MIME]
    assert kept["final"]
    assert kept["record"]["streams"][0]["text"] == scenes.DRAFT
    told = written["metadata"][MIME]
    assert told["answered_by"]["0"]["user"] == "Ada"
    assert "r1" not in str(kept)
    html = written["data"]["text/html"]
    assert scenes.DRAFT in html
    assert "<script" not in html
    assert "<button" not in html
    expect(renderer.page.locator(".kgnb-panel")).to_have_attribute(
        "data-connection", "record"
    )


def test_output_that_names_no_run_says_so(renderer):
    show(renderer, {"version": 1, "final": False}, {})
    expect(renderer.page.locator(".kgnb-output")).to_have_text(
        "This kgnb output names no run."
    )


def test_output_without_what_draws_it_says_what_to_do(renderer):
    renderer.page.route("**/drawing-*.js", lambda route: route.abort())
    show(renderer, LIVE, {"run_id": "r1"})
    expect(renderer.page.locator(".kgnb-output")).to_contain_text("Reload this page.")


def test_question_without_its_field_says_what_to_do_and_takes_no_answer(renderer):
    renderer.page.route("**/fields-*.js", lambda route: route.abort())
    renderer.js(SERVED, '{"baseUrl": "/"}')
    renderer.push(*scenes.waiting(), scenes.ask("a2", options=None))
    show(renderer, LIVE, {"run_id": "r1", "kernel_id": None, "log": "server"})
    card = renderer.page.locator("[data-approval=a2]")
    expect(card.get_by_role("alert")).to_contain_text("Reload this page.")
    expect(card).to_have_attribute("data-armed", "true")
    expect(card.get_by_role("button", name="Send")).to_be_disabled()
    # What needs no field is answered as ever.
    other = renderer.page.locator("[data-approval=a1]")
    expect(other.get_by_role("button", name="publish")).to_be_enabled()


KEPT = {"status", "state", "kind", "path"}
"""Fields of a record whose words decide how it is drawn."""


def poisoned(value, texts, key=""):
    """A record in which whatever is text says something else."""
    if isinstance(value, dict):
        return {name: poisoned(each, texts, name) for name, each in value.items()}
    if isinstance(value, list):
        return [poisoned(each, texts, key) for each in value]
    return next(texts) if isinstance(value, str) and key not in KEPT else value


@pytest.mark.parametrize("first", range(0, len(MARKUP), 40))
def test_evil_record_that_somebody_saved_runs_and_asks_nothing(renderer, first):
    renderer.push(*scenes.finished())
    renderer.push(scenes.ask("a9"))
    record = renderer.js(
        "() => harness.kgnb.staticRecord(structuredClone(harness.log)"
        ".reduce(harness.kgnb.reduce, harness.kgnb.emptyView()))"
    )
    evil = poisoned(record, cycle(MARKUP[first : first + 40]))
    metadata = {"run_id": MARKUP[first], "kernel_id": OUT, "base_url": OUT}
    metadata |= {"answered_by": {"0": {"user": MARKUP[first], "via": OUT, "at": OUT}}}
    before = len(renderer.requests)
    show(renderer, {"version": 1, "final": True, "record": evil}, metadata)
    expect(renderer.page.locator(".kgnb-panel")).to_be_attached()
    renderer.settle()
    assert renderer.js("() => window.pwned") is None
    assert asked(renderer, before) == []
    assert renderer.js("() => harness.sent") == []
    # A question that was open when somebody saved it can be answered by nobody.
    expect(renderer.page.locator(".kgnb-card button:enabled")).to_have_count(0)
    dangerous = (
        ".kgnb :is(script, img, iframe, object, embed, link, base, meta, [action])"
    )
    expect(renderer.page.locator(dangerous)).to_have_count(0)


def test_evil_live_output_asks_the_pages_own_server_and_no_other(renderer):
    bundle = {"version": 1, "final": False, "name": MARKUP[0], "graph": {"svg": OUT}}
    metadata = {"run_id": f"../../{OUT}", "kernel_id": OUT, "base_url": OUT}
    before = len(renderer.requests)
    show(renderer, bundle, metadata | {"log": "server", "transports": ["websocket"]})
    renderer.settle()
    assert asked(renderer, before) == []
    assert renderer.js("() => window.pwned") is None
    sent = renderer.js("() => harness.sent.map(frame => frame.type)")
    assert set(sent) <= {"subscribe", "ping"}
