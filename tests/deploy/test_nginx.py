"""The example of nginx, run: TLS, upgrade, events, limits, logs, and a browser."""

import asyncio
import http.client
import json
import re
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import websockets
from kernel_shell import Shell
from nginx_harness import EXAMPLE, NAME, SERVER_OPTIONS, Nginx
from playwright.sync_api import expect
from server_harness import BASE, TOKEN, ServerProcess
from websockets.sync.client import connect

PREFIX = BASE.removeprefix("/")
TIMEOUT = 3
"""nginx's, in seconds: shorter than the example's, longer than the pings'."""
PINGS = ("--KgnbApp.ping_interval=1", "--KgnbApp.ping_timeout=1")
PUBLISHED = """
import kgnb

class Review(kgnb.Node):
    def prep(self, shared):
        return shared["draft"]
    def exec(self, draft):
        return kgnb.ask(draft, options=["publish", "drop"]).result().value

kgnb.publish("review", kgnb.Graph(Review(), name="review"))
"""


def apart(coroutine):
    """What a coroutine gives, on a loop of its own: Playwright has this thread's."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


async def publish(server):
    kernel = server.call("api/kernels", method="POST", body={"name": "python3"})
    async with Shell(server, kernel["id"]) as shell:
        await shell.run(PUBLISHED)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Jupyter with a kernel that publishes a workflow; set up as the example says."""
    options = [f"--{name}={value}" for name, value in SERVER_OPTIONS]
    assert options
    folder = tmp_path_factory.mktemp("server")
    with ServerProcess(folder, *options, *PINGS) as server:
        apart(server.wait_ready())
        apart(publish(server))
        yield server


@pytest.fixture(scope="module")
def nginx(server):
    with Nginx(server.port, read_timeout=TIMEOUT) as nginx:
        yield nginx


def dial(nginx, path="kgnb/ws", *, token=TOKEN, **kwargs):
    """A socket through nginx, by the site's name."""
    if token:
        kwargs["additional_headers"] = {"Authorization": f"token {token}"}
    return connect(
        f"wss://{nginx.host}{BASE}{path}",
        address=("127.0.0.1", nginx.port),
        ssl=nginx.trust,
        subprotocols=["kgnb.v1"],
        proxy=None,
        **kwargs,
    )


class Client:
    """Says and hears JSON."""

    def __init__(self, socket):
        self._socket = socket

    def say(self, **frame):
        self._socket.send(json.dumps(frame))

    def hear(self, *kinds):
        while True:
            frame = json.loads(self._socket.recv(timeout=10))
            assert frame["type"] != "error", frame
            if frame["type"] in kinds:
                return frame


def call(nginx, path, **kwargs):
    """Status and body of a call with the token."""
    headers = {"Authorization": f"token {TOKEN}"} | kwargs.pop("headers", {})
    with nginx.call(PREFIX + path, headers=headers, **kwargs) as response:
        return response.status, response.read()


def start(nginx):
    """The id of a run that waits for its answer, and of that."""
    body = json.dumps({"workflow": "review", "params": {"draft": "Tides"}})
    status, reply = call(nginx, "kgnb/api/runs", method="POST", body=body)
    assert status == 201, reply
    run_id = json.loads(reply)["run_id"]
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        _, reply = call(nginx, "kgnb/api/approvals")
        for each in json.loads(reply)["approvals"]:
            if each["run_id"] == run_id:
                return run_id, each["approval_id"]
        time.sleep(0.05)
    pytest.fail("the run asked nothing")


def answer(nginx, approval_id):
    path = f"kgnb/api/approvals/{approval_id}"
    status, reply = call(nginx, path, method="POST", body='{"value": "publish"}')
    assert status == 200, reply


def test_socket_runs_a_workflow_to_its_end(nginx):
    with dial(nginx) as socket:
        client = Client(socket)
        assert client.hear("hello")["identity"]["kind"] == "token"
        params = {"draft": "Tides"}
        client.say(type="start_workflow", workflow="review", params=params, id="1")
        run_id = client.hear("ack")["run_id"]
        asked = client.hear("approval_request")
        assert asked["run_id"] == run_id
        approval_id = asked["data"]["approval_id"]
        client.say(type="answer", approval_id=approval_id, value="publish")
        assert client.hear("workflow_completed")["data"] == "publish"


def test_events_are_not_held_back(nginx):
    run_id, approval_id = start(nginx)
    headers = {"Authorization": f"token {TOKEN}"}
    path = f"{PREFIX}kgnb/api/runs/{run_id}/events"
    with nginx.call(path, headers=headers) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        told = []
        while "approval_request" not in told:  # the run goes on only after this
            line = stream.readline()
            if line.startswith(b"data: "):
                told.append(json.loads(line[6:])["type"])
        answer(nginx, approval_id)
        assert b"workflow_completed" in stream.read()


def test_quiet_socket_outlives_the_time_out_by_its_pings(nginx):
    with dial(nginx, ping_interval=None) as socket:
        Client(socket).hear("hello")
        time.sleep(TIMEOUT + 1)
        Client(socket).say(type="ping")
        Client(socket).hear("pong")


def test_time_outs_of_the_example_are_longer_than_the_pings():
    from kgnb.server.app import KgnbApp

    pings = KgnbApp.ping_interval.default_value + KgnbApp.ping_timeout.default_value
    found = re.findall(r"proxy_(?:read|send)_timeout (\d+)s;", EXAMPLE.read_text())
    assert len(found) == 2
    assert min(map(int, found)) > 2 * pings


@pytest.mark.parametrize(
    ("origin", "is_welcome"),
    [
        ("https://{host}", True),
        ("http://{host}", False),
        (f"https://{NAME}", False),
        (f"https://{NAME}:1", False),
        ("https://evil.example", False),
        (f"https://{NAME}.evil.example", False),
        ("null", False),
    ],
)
def test_origin_is_that_of_the_page_that_nginx_served(nginx, origin, is_welcome):
    origin = origin.format(host=nginx.host)
    if is_welcome:
        with dial(nginx, origin=origin) as socket:
            Client(socket).hear("hello")
    else:
        with pytest.raises(websockets.InvalidStatus) as refused:
            dial(nginx, origin=origin)
        assert refused.value.response.status_code == 403


def test_socket_without_credential_is_closed_as_without_nginx(nginx):
    with (
        dial(nginx, token=None) as socket,
        pytest.raises(websockets.ConnectionClosed) as closed,
    ):
        socket.recv(timeout=5)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "Unauthorized")


def test_other_host_is_refused(nginx):
    status, _ = call(nginx, "kgnb/api/runs", headers={"Host": "evil.example"})
    assert status == 403


def test_kernels_link_is_not_open_to_the_world(nginx):
    assert call(nginx, "kgnb/link")[0] == 404
    with pytest.raises(websockets.InvalidStatus):
        dial(nginx, "kgnb/link", token=None)


@pytest.mark.parametrize(
    ("size", "is_ours"), [(1024 * 1024 + 1, True), (2 * 1024 * 1024 + 1, False)]
)
def test_large_body_is_refused_by_kgnb_first(nginx, size, is_ours):
    status, reply = call(nginx, "kgnb/api/runs", method="POST", body=b" " * size)
    assert status == 413
    assert reply.startswith(b"{") is is_ours


def test_plain_http_is_sent_to_tls(nginx):
    connection = http.client.HTTPConnection("127.0.0.1", nginx.plain_port, timeout=5)
    connection.request("GET", f"{BASE}kgnb/", headers={"Host": NAME})
    response = connection.getresponse()
    assert response.status == 301
    assert response.headers["Location"] == f"https://{NAME}{BASE}kgnb/"
    connection.close()


def test_certificate_is_checked_by_clients(nginx):
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(f"wss://127.0.0.1:{nginx.port}{BASE}kgnb/ws", proxy=None)


@pytest.mark.browser
def test_page_is_live_and_its_button_answers(nginx, chromium):
    run_id, _ = start(nginx)
    # By address, which nginx answers as well: Chromium need not resolve the name.
    site = f"127.0.0.1:{nginx.port}{BASE}kgnb"
    page = chromium.new_page(ignore_https_errors=True)
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(f"https://{site}/runs/{run_id}?token={TOKEN}")
    button = page.get_by_role("button", name="publish")
    expect(button).to_be_enabled(timeout=10_000)
    button.click()
    expect(page.get_by_text("completed").first).to_be_visible(timeout=10_000)
    page.close()
    assert sockets
    assert all(url.startswith(f"wss://{site}/ws") for url in sockets)


def test_logs_hold_no_token_even_when_jupyter_is_gone(nginx):
    canary = "canary7f3a9"
    hidden = [f"kgnb/ws?token={canary}", f"kgnb/ws/{canary}", f"kgnb/ws/{canary}/key"]
    for path in hidden:
        call(nginx, path, headers={"Referer": f"https://h/?token={canary}"})
    with Nginx(1, read_timeout=TIMEOUT) as alone:  # nothing listens there
        for path in hidden:
            assert call(alone, path)[0] == 502
        assert canary not in alone.logs
        assert '"status":502' in alone.logs
    assert canary not in nginx.logs
    lines = [line for line in nginx.logs.splitlines() if line.startswith("{")]
    assert all(json.loads(line)["path"].startswith("/") for line in lines)
    assert any(json.loads(line)["path"].endswith("/kgnb/ws/[hidden]") for line in lines)
