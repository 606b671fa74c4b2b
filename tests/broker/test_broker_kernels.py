import pytest


def types(host, run_id="r1"):
    return [e["type"] for e in host.events(run_id)]


def test_hello_is_welcomed_with_a_token_and_the_log(host):
    (welcome,) = host.kernel().take()
    assert (welcome["type"], welcome["log_id"], welcome.get("runs")) == (
        "welcome",
        "log-1",
        None,
    )
    assert len(welcome["owner_token"]) >= 22
    stored = host.tables.rows["kernel/k1"].value.decode()
    assert welcome["owner_token"] not in stored


def test_link_without_a_hello_is_closed(host):
    link = host.bare_link()
    link.start()
    assert link.closed[0] == 4003
    assert host.broker.statistics(host.now).runs_stored == 0


@pytest.mark.parametrize("raw", ["{", "[]", '{"type":"nonsense"}', b"\xff"])
def test_link_frame_that_is_none_closes_the_link(host, raw):
    kernel = host.kernel()
    kernel.send_raw(raw)
    assert kernel.closed[0] == 1008


def test_hello_twice_on_one_link_is_refused(host):
    kernel = host.kernel()
    kernel.send(type="hello", kernel_id="k2", process_id="p2", pid=1)
    assert kernel.closed[0] == 4003


def test_hello_again_with_the_token_continues_the_runs(host):
    kernel = host.kernel()
    token = kernel.take()[0]["owner_token"]
    kernel.start()
    kernel.drop()
    again = host.kernel(token=token)
    (welcome,) = again.take()
    assert welcome["owner_token"] == token
    assert welcome["runs"] == [{"run_id": "r1", "epoch": 1, "n": 1}]
    again.log("r1", 2)
    assert again.take()[-1]["n"] == 2


@pytest.mark.parametrize("token", [None, "wrong"])
def test_hello_again_without_the_token_may_not_take_the_runs(host, token):
    kernel = host.kernel()
    kernel.start()
    thief = host.kernel(token=token)
    assert thief.closed[0] == 4003
    assert kernel.closed is None


def test_hello_again_without_the_token_before_any_run_is_welcome(host):
    host.kernel().drop()
    assert host.kernel().take()[0]["type"] == "welcome"


def test_hello_on_a_second_link_closes_the_first(host):
    kernel = host.kernel()
    token = kernel.take()[0]["owner_token"]
    again = host.kernel(token=token)
    assert kernel.closed[0] == 4001
    again.start()
    assert again.take()[-1]["type"] == "appended"


def test_hello_by_another_process_loses_the_old_ones_runs(host):
    old = host.kernel()
    old.start("r1", old.request(host))
    new = host.kernel("k1", "p2")
    assert old.closed[0] == 4001
    assert types(host)[-2:] == ["approval_resolved", "workflow_lost"]
    assert "runs" not in new.take()[-1]


def test_hello_that_cannot_be_stored_closes_the_link(host):
    host.is_failing = True
    assert host.kernel().closed[0] == 1013


def test_kernel_gone_loses_its_runs_only(host):
    host.kernel().start("r1")
    host.kernel("k2", "p2").start("r2")
    host.broker.kernels.gone("k1", "it died", host.now)
    host.perform()
    assert types(host, "r1")[-1] == "workflow_lost"
    assert types(host, "r2") == ["workflow_started"]
    assert "kernel/k1" not in host.tables.rows


def test_kernel_gone_late_spares_its_successor(host):
    host.kernel().start("r1")
    successor = host.kernel("k1", "p2")
    successor.start("r2")
    host.broker.kernels.gone("k1", "it died", host.now, processes={"p1"})
    host.perform()
    assert types(host, "r2") == ["workflow_started"]
    assert successor.closed is None


def test_kernel_gone_while_the_log_fails_is_declared_later(host):
    host.kernel().start("r1")
    host.is_failing = True
    host.broker.kernels.gone("k1", "it died", host.now)
    host.perform()
    host.tick(0.2)
    assert types(host) == ["workflow_started"]
    host.is_failing = False
    host.tick(2)
    assert types(host) == ["workflow_started", "workflow_lost"]


def test_kernel_gone_after_a_restart_of_the_server(host, make_host):
    host.kernel().start("r1")
    again = make_host(tables=host.tables)
    again.broker.kernels.gone("k1", "the server was restarted", again.now)
    again.perform()
    assert types(host)[-1] == "workflow_lost"


def test_link_absent_for_long_stalls_the_runs_until_it_is_back(host):
    kernel = host.kernel()
    token = kernel.take()[0]["owner_token"]
    kernel.start()
    kernel.drop()
    host.tick(9.9)
    assert types(host) == ["workflow_started"]
    host.tick(0.2)
    host.tick(5)
    assert types(host) == ["workflow_started", "workflow_stalled"]
    assert host.broker.runs.by_id["r1"].status == "stalled"
    host.kernel(token=token)
    assert types(host)[-1] == "workflow_resumed"
    assert host.broker.runs.by_id["r1"].status == "running"


def test_link_back_to_a_paused_run_says_paused(host):
    kernel = host.kernel()
    token = kernel.take()[0]["owner_token"]
    kernel.start("r1", {"type": "workflow_paused"})
    kernel.drop()
    host.tick(11)
    host.kernel(token=token)
    assert types(host)[-2:] == ["workflow_stalled", "workflow_paused"]


def test_link_present_but_quiet_stalls_nothing(host):
    host.kernel().start()
    host.tick(1000)
    assert types(host) == ["workflow_started"]


def test_link_back_after_the_server_restarted_ends_a_stall_stored_before(
    host, make_host
):
    kernel = host.kernel()
    token = kernel.take()[0]["owner_token"]
    kernel.start()
    kernel.drop()
    host.tick(11)
    assert types(host)[-1] == "workflow_stalled"
    again = make_host(tables=host.tables)
    again.kernel(token=token)
    assert types(host)[-1] == "workflow_resumed"


def test_kernel_silent_for_long_without_a_run_is_forgotten(host):
    for number in range(3):
        host.kernel(f"k{number}", f"p{number}").drop()
    lasting = host.kernel("k3", "p3")
    lasting.start()
    lasting.drop()
    host.tick(11)
    assert [key for key in host.tables.rows if key.startswith("kernel/")] == [
        "kernel/k3"
    ]
    host.kernel("k0", "p0").start("r2")
    assert types(host, "r2") == ["workflow_started"]


def test_server_restart_stalls_runs_until_their_kernel_dials(host, make_host):
    kernel = host.kernel()
    token = kernel.take()[0]["owner_token"]
    kernel.start()
    again = make_host(tables=host.tables)
    again.tick(11)
    assert types(host)[-1] == "workflow_stalled"
    back = again.kernel(token=token)
    back.take()
    back.log("r1", 2)
    assert back.take()[-1] == {"type": "appended", "run_id": "r1", "n": 2, "seq": 4}


def test_channel_speaks_as_a_client_does(host):
    kernel = host.kernel()
    kernel.start()
    kernel.take()
    kernel.send(type="open", channel="c1", via="kernel")
    kernel.send(type="frame", channel="c1", frame={"type": "subscribe", "run_id": "r1"})
    frames = kernel.take()
    assert {f["channel"] for f in frames} == {"c1"}
    hello, subscribed, events = frames
    assert hello["frame"]["type"] == "hello"
    assert subscribed["frame"]["type"] == "subscribed"
    assert [each["type"] for each in events["frames"]] == ["workflow_started"]
    kernel.send(type="close", channel="c1")
    kernel.log("r1", 2)
    assert [f["type"] for f in kernel.take()] == ["appended"]


def test_channel_sees_its_own_kernels_runs_only(host):
    kernel = host.kernel()
    host.kernel("k2", "p2").start("r2")
    kernel.take()
    kernel.send(type="open", channel="c1", via="kernel")
    kernel.send(
        type="frame", channel="c1", frame={"type": "cancel", "run_id": "r2", "id": 1}
    )
    assert kernel.take()[-1]["frame"]["code"] == "no_such_run"


def test_channel_unknown_or_one_too_many_is_closed(host):
    kernel = host.kernel()
    kernel.take()
    kernel.send(type="frame", channel="c1", frame={"type": "ping"})
    assert kernel.take()[0]["type"] == "closed"
    for n in range(257):
        kernel.send(type="open", channel=str(n), via="comm")
    assert kernel.take("closed") == [
        {
            "type": "closed",
            "channel": "256",
            "code": 4013,
            "reason": "too many channels",
        }
    ]


def test_channel_ends_with_its_link(host):
    kernel = host.kernel()
    kernel.send(type="open", channel="c1", via="kernel")
    kernel.drop()
    assert host.broker.statistics(host.now).channels == 0


def talking(host, kernel_id, process_id):
    """A kernel that publishes a chat, with a view behind it."""
    kernel = host.kernel(kernel_id, process_id)
    workflow = {"name": "chat", "published_at": 1.0, "input": "messages"}
    kernel.send(type="publish", n=1, workflows=[workflow])
    kernel.send(type="open", channel="c1", via="panel")
    return kernel


def say(kernel, text):
    frame = {"type": "message", "content": text, "session_id": "s", "id": text}
    kernel.send(type="frame", channel="c1", frame=frame)


def test_sessions_of_views_behind_two_kernels_are_two_though_of_one_name(host):
    one, two = talking(host, "k1", "p1"), talking(host, "k2", "p2")
    say(one, "hello")
    (first,) = one.take("start")
    say(two, "mine")
    (second,) = two.take("start")
    assert second["run_id"] != first["run_id"]
    assert second["messages"] == [{"role": "user", "content": "mine"}]
