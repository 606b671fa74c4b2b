"""The quickstart in a user's server of a real JupyterHub, through its proxy."""

import json
import urllib.error

import pytest
import websockets
from harness import REPO, NotebookPage, until
from hub_harness import Hub
from playwright.sync_api import expect
from websockets.sync.client import connect

pytestmark = pytest.mark.browser

NOTEBOOK = "01_quickstart.ipynb"
RUN, RESULT, BLOCKING = 3, 4, 5
"""Code cells of the quickstart; those before define the graph."""


class AnasLab:
    """What ``NotebookPage`` asks of a server."""

    app = "lab"
    token = ""

    def __init__(self, hub):
        self.url = f"{hub.url}user/ana/"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with Hub(tmp_path_factory.mktemp("hub")) as hub:
        hub.tokens = hub.add("ana", "bob", "carol")
        hub.start_server("ana", REPO / "notebooks" / NOTEBOOK)
        yield hub


@pytest.fixture(scope="module")
def ana(hub, chromium):
    """Ana, signed in, with the quickstart open in her Lab."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(f"{hub.url}hub/login")
    hub.fill_in(page, "ana")
    page.wait_for_url("**/user/ana/**")
    notebook = NotebookPage(page, AnasLab(hub), NOTEBOOK).open()
    notebook.code = notebook.js(
        "() => jupyterapp.shell.currentWidget.content.widgets"
        ".flatMap((cell, index) => cell.model.type === 'code' ? [index] : [])"
    )
    for number in range(RUN):
        notebook.run(notebook.code[number])
        notebook.wait_done(notebook.code[number])
    yield notebook
    context.close()


def socket_of(hub, user):
    """A socket into ana's server, by a user's token of the hub."""
    return connect(
        hub.url.replace("http", "ws", 1) + "user/ana/kgnb/ws",
        additional_headers={"Authorization": f"token {hub.tokens[user]}"},
        subprotocols=["kgnb.v1"],
        proxy=None,
    )


def hear(socket, kind):
    while True:
        frame = json.loads(socket.recv(timeout=10))
        assert frame["type"] != "error", frame
        if frame["type"] == kind:
            return frame


def approvals(hub, user="ana"):
    path = "user/ana/kgnb/api/approvals"
    return hub.call(path, hub.tokens[user])["approvals"]


def newest(hub):
    """Ana's newest run, with its view."""
    (run, *_) = hub.call("user/ana/kgnb/api/runs", hub.tokens["ana"])["runs"]
    return hub.call(f"user/ana/kgnb/api/runs/{run['run_id']}", hub.tokens["ana"])


def test_click_in_the_panel_is_the_hub_users(hub, ana):
    ana.run(ana.code[RUN])
    button = ana.page.get_by_role("button", name="publish").first
    expect(button).to_be_enabled(timeout=30_000)
    button.click()
    ana.wait_done(ana.code[RUN])
    ana.run(ana.code[RESULT])
    ana.wait_done(ana.code[RESULT])
    assert "['web', 'mail', 'phone']" in ana.cell(RESULT).inner_text()
    run = newest(hub)
    assert run["status"] == "completed"
    (approval,) = run["view"]["approvals"]
    assert (approval["by"]["user"], approval["by"]["via"]) == ("ana", "panel")


def test_guest_answers_while_the_kernel_is_busy_under_his_own_name(hub, ana):
    ana.run(ana.code[BLOCKING])
    (asked,) = until(lambda: approvals(hub, "carol"), what="the question")
    with socket_of(hub, "carol") as socket:
        assert hear(socket, "hello")["identity"]["user"] == "carol"
        answer = {"type": "answer", "value": "publish", "id": 1}
        socket.send(json.dumps(answer | {"approval_id": asked["approval_id"]}))
        hear(socket, "ack")
    ana.wait_done(ana.code[BLOCKING])
    assert newest(hub)["view"]["approvals"][0]["by"]["user"] == "carol"


def sign_in(page):
    page.get_by_role("link", name="Sign in").click()


def test_run_page_leads_through_the_hubs_login_and_back(hub, ana, chromium):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{hub.url}user/ana/kgnb/runs/{newest(hub)['run_id']}")
    sign_in(page)
    hub.fill_in(page, "ana")
    expect(page.get_by_text("completed").first).to_be_visible(timeout=10_000)
    context.close()


def test_user_without_leave_is_refused(hub, ana, chromium):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{hub.url}user/ana/kgnb/runs/{newest(hub)['run_id']}")
    sign_in(page)
    with page.expect_response(lambda reply: reply.status == 403):
        hub.fill_in(page, "bob")
    assert "completed" not in page.inner_text("body")
    context.close()
    with pytest.raises(urllib.error.HTTPError) as refused:
        approvals(hub, "bob")
    refused.value.close()
    assert refused.value.code == 401


@pytest.mark.parametrize("user", ["ana", "carol"])
def test_token_of_the_hub_opens_a_socket(hub, user):
    with socket_of(hub, user) as socket:
        identity = hear(socket, "hello")["identity"]
    assert (identity["user"], identity["kind"]) == (user, "user")
    assert identity["voter"], "people can be told apart here"


def test_token_of_a_user_without_leave_is_closed_as_unauthorized(hub):
    with (
        socket_of(hub, "bob") as socket,
        pytest.raises(websockets.ConnectionClosed) as closed,
    ):
        socket.recv(timeout=10)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "Unauthorized")


def test_logs_of_hub_proxy_and_server_hold_no_token(hub):
    assert "/user/ana/kgnb/ws" in hub.log
    for token in hub.tokens.values():
        assert token not in hub.log
