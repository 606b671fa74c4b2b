"""The examples for JavaScript and Python, as they stand, against a real server."""

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from urllib.parse import urlencode

import pytest
from harness import REPO, free_port
from pages_harness import TOKEN, WORKFLOWS, PagesServer
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

EXAMPLES = REPO / "examples"
CUTS = 3
"""Sockets that are cut, one after the other."""
LIFE = 3
"""Frames that each of them carries: its hello, its subscription, an event."""
READ_ALL = """async ({ url, token, workflow, params }) => {
    const { connect, emptyView, reduce } = await import(`${url}kgnb/static/client.js`);
    const client = connect({ url, token });
    window.kgnbStates = [];
    client.onState((state) => kgnbStates.push(state.kind));
    const { runId } = await client.start(workflow, params);
    const seqs = [];
    const view = emptyView();
    for await (const event of client.events(runId)) {
        seqs.push(event.seq);
        reduce(view, event);
    }
    client.close();
    return { seqs, status: view.status, text: view.streams.map((s) => s.text).join("") };
}"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def origin():
    """A server of other people's pages: those of examples/javascript."""
    handler = functools.partial(_Quiet, directory=str(EXAMPLES / "javascript"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def server(origin, tmp_path_factory):
    options = f"--KgnbApp.allow_origins={origin}"
    server = PagesServer(tmp_path_factory.mktemp("examples"), options).start()
    server.kernel(f"PACE = 0.01\n{WORKFLOWS}")
    yield server
    server.stop()


@pytest.fixture
def page(context, origin):
    page = context.new_page()
    page.goto(origin)
    return page


def test_javascript_example_talks_and_answers_from_another_origin(
    server, context, origin
):
    page = context.new_page()
    told = {"url": server.url, "token": TOKEN, "workflow": "harbour"}
    page.goto(f"{origin}/#{urlencode(told)}")
    expect(page.locator("#state")).to_have_text("live")
    assert page.url == f"{origin}/"
    page.get_by_label("Message").fill("Tell them")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("button", name="send", exact=True).last.click()
    expect(page.locator("#status")).to_have_text("completed")


def test_javascript_client_reads_each_event_once_over_cuts(server, context, origin):
    page = context.new_page()
    sockets = []

    def pass_on(socket):
        to_server = socket.connect_to_server()
        sockets.append(socket)
        frames = []
        is_cut = len(sockets) <= CUTS

        def on_frame(frame):
            frames.append(frame)
            if len(frames) <= LIFE or not is_cut:
                socket.send(frame)
            if len(frames) == LIFE and is_cut:
                socket.close(code=3000, reason="cut")

        to_server.on_message(on_frame)

    page.route_web_socket(re.compile("/kgnb/ws"), pass_on)
    page.goto(origin)
    params = {"messages": [{"role": "user", "content": "Now?"}]}
    told = {"url": server.url, "token": TOKEN, "workflow": "tides", "params": params}
    read = page.evaluate(READ_ALL, told)
    assert len(sockets) == CUTS + 1
    assert read["seqs"] == list(range(1, len(read["seqs"]) + 1))
    assert read["status"] == "completed"
    assert read["text"].count("High water") == 1
    assert page.evaluate("kgnbStates").count("live") == CUTS + 1


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("client.start('nobody')", "no_such_workflow"),
        ("client.answer('none', 'yes')", "no_such_approval"),
        ("client.fork('f'.repeat(32))", "no_such_run"),
        ("client.endChat()", "conflict"),
        ("client.events('f'.repeat(32)).next()", "no_such_run"),
        ("(client.close(), client.start('tides'))", "unavailable"),
    ],
)
def test_javascript_client_is_told_why_not(server, page, what, code):
    told = page.evaluate(
        f"""async ({{ url, token }}) => {{
            const {{ connect }} = await import(`${{url}}kgnb/static/client.js`);
            const client = connect({{ url, token }});
            return await {what}.catch((error) => error.code);
        }}""",
        {"url": server.url, "token": TOKEN},
    )
    assert told == code


def test_javascript_client_without_a_credential_gives_up_and_says_so(server, page):
    told = page.evaluate(
        """async (url) => {
            const { connect } = await import(`${url}kgnb/static/client.js`);
            const client = connect({ url, token: "wrong" });
            return await client.start("tides").catch((error) => error.code);
        }""",
        server.url,
    )
    assert told == "unauthorized"


@pytest.mark.parametrize("script", ["follow.py", "follow_blocking.py"])
def test_python_example_follows_and_answers(server, script):
    done = subprocess.run(
        [sys.executable, script, server.url, "harbour", "Tell them", "--token", TOKEN],
        cwd=EXAMPLES / "python",
        input="keep it\n",
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Send the tide report to the harbour?" in done.stdout
    assert "[answered 'keep it'" in done.stdout
    assert "[completed: 'The answer was: keep it.']" in done.stdout
