import pytest

from kgnb.broker import BrokerLimits, Identity, Peer


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("{", "invalid"),
        ("[]", "invalid"),
        ("null", "invalid"),
        ('{"type":"fly"}', "unknown_type"),
        ('{"type":"answer"}', "invalid"),
        ('{"type":"subscribe","topics":3}', "invalid"),
        ('{"type":"ping","id":{}}', "invalid"),
        ("[" * 2000, "invalid"),
        ('{"type":"ping","x":"' + "a" * 1_100_000 + '"}', "too_large"),
        (b"\xff\xfe", "invalid"),
    ],
)
def test_bad_frame_gets_an_error_and_the_socket_stays(host, raw, code):
    client = host.client()
    client.take()
    client.send_raw(raw)
    (reply,) = client.take()
    assert (reply["type"], reply["code"]) == ("error", code)
    assert client.ask(type="ping", id=1) == {"type": "pong", "id": 1}


def test_bad_frame_with_a_readable_id_gets_it_back(host):
    assert host.client().ask(type="fly", id=8)["id"] == 8


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"type": "start_workflow", "workflow": "w"}, "no_such_workflow"),
        ({"type": "message", "content": "hi"}, "no_such_workflow"),
        ({"session_id": "s", "message": "hi"}, "no_such_workflow"),
        ({"type": "end_chat"}, "no_such_workflow"),
        ({"type": "cancel", "run_id": "r1"}, "no_such_run"),
        ({"type": "node_input", "node_id": "A"}, "invalid"),
        ({"type": "join_group", "group": "secret"}, "forbidden"),
    ],
)
def test_command_that_cannot_be_done_says_why(host, command, code):
    assert host.client().ask(**command)["code"] == code


def test_group_that_is_open_can_be_joined_and_left(make_host):
    client = make_host(limits=BrokerLimits(groups_open=("all",))).client()
    client.take()
    client.send(type="join_group", group="all", id=1)
    client.send(type="leave_group", group="all", id=2)
    assert client.take() == [
        {"type": "joined_group", "group": "all", "id": 1},
        {"type": "left_group", "group": "all", "id": 2},
    ]


def test_rate_limit_refuses_the_101st_message_with_the_documents_text(host):
    client = host.client()
    client.take()
    for _ in range(101):
        client.send(type="end_chat")
    replies = client.take()
    assert [r["code"] for r in replies].count("no_such_workflow") == 100
    assert replies[-1] == {
        "type": "error",
        "code": "rate_limited",
        "message": "Rate limit exceeded",
        "retry_after": 60.0,
    }
    host.tick(60)
    assert client.ask(type="end_chat")["code"] == "no_such_workflow"


def test_rate_limit_ignored_ten_times_over_closes_the_socket(host):
    client = host.client()
    for _ in range(1000):
        client.send(type="end_chat")
    assert client.closed == (4029, "Rate limit exceeded")
    assert host.broker.statistics(host.now).connections == 0


def test_rate_limit_outlives_a_reconnection_of_a_named_client(host):
    peer = Peer(identity=Identity(user="u"), role="start", client_id="tab")
    client = host.client(peer)
    for _ in range(100):
        client.send(type="end_chat")
    client.drop()
    assert host.client(peer).ask(type="end_chat")["code"] == "rate_limited"
    other = Peer(identity=Identity(user="u"), role="start", client_id="phone")
    assert host.client(other).ask(type="end_chat")["code"] == "no_such_workflow"


def test_rate_limit_of_bad_frames_counts_them(host):
    client = host.client()
    for _ in range(100):
        client.send_raw("{")
    client.take()
    client.send_raw("{")
    assert client.take()[0]["code"] == "rate_limited"


def test_rate_limit_does_not_count_pings_with_messages(host):
    client = host.client()
    for _ in range(500):
        client.send(type="ping")
    assert client.ask(type="end_chat")["code"] == "no_such_workflow"
    for _ in range(700):
        client.send(type="ping")
    assert client.ask(type="ping")["code"] == "rate_limited"


def test_rate_limit_spares_the_kernel_itself_but_not_views_behind_it(host):
    kernel = host.kernel()
    for via in ("kernel", "comm"):
        kernel.send(type="open", channel=via, via=via)
        for _ in range(101):
            frame = {"type": "end_chat"}
            kernel.send(type="frame", channel=via, frame=frame)
    codes = [(f["channel"], f["frame"].get("code")) for f in kernel.take("frame")]
    assert ("kernel", "rate_limited") not in codes
    assert ("comm", "rate_limited") in codes


def test_connection_past_the_limit_is_closed_at_once(make_host):
    host = make_host(limits=BrokerLimits(max_connections=2))
    first, second = host.client(), host.client()
    third = host.client()
    assert third.closed == (4013, "at capacity")
    assert third.take() == []
    first.drop()
    assert host.client().closed is None
    assert second.closed is None


def test_connections_of_one_identity_have_their_own_limit(make_host):
    host = make_host(limits=BrokerLimits(max_connections_per_identity=1))
    host.client()
    assert host.client().closed[0] == 4013
    assert host.client(Peer(identity=Identity(user="bob"))).closed is None


def test_statistics_count_what_is_there(host):
    kernel = host.kernel()
    kernel.start("r1", kernel.request(host))
    kernel.start("r2", {"type": "workflow_completed", "data": 0})
    host.client()
    host.now += 5
    statistics = host.broker.statistics(host.now)
    assert (statistics.connections, statistics.links, statistics.channels) == (1, 1, 0)
    assert (statistics.runs, statistics.runs_stored) == (1, 2)
    assert (statistics.open_approvals, statistics.uptime) == (1, 5.0)
    assert statistics.total_messages > 0


def test_close_all_ends_sockets_and_links(host):
    client, kernel = host.client(), host.kernel()
    host.broker.close_all(1012, "the server stops")
    host.perform()
    assert client.closed == kernel.closed == (1012, "the server stops")
