"""Commands of which the log does not say in time whether it has stored them."""

ANSWER = {"type": "answer", "approval_id": "a1", "value": "yes", "id": "once"}
GIVE = {"type": "node_input", "run_id": "r1", "node_id": "A", "data": 1, "id": "once"}
START = {"type": "start_workflow", "workflow": "w", "id": "once"}


def in_doubt(host, client, command):
    """Send it to a log that is silent; what the client hears."""
    host.is_held = True
    client.take()
    client.send(**command)
    host.doubt()
    (error,) = client.take("error")
    assert (error["code"], error["retry_after"]) == ("unavailable", 1.0)
    assert "not known" in error["message"]
    assert "same id" in error["message"]
    return error


def settle(host):
    host.is_held = False
    host.settle()


def resolved(host):
    return [e["data"] for e in host.events() if e["type"] == "approval_resolved"]


def asking(host):
    kernel = host.kernel()
    kernel.start("r1", kernel.request(host))
    return kernel


def test_answer_in_doubt_is_not_judged_twice_and_its_retry_gets_the_reply(host):
    asking(host)
    client, other = host.client(), host.client()
    error = in_doubt(host, client, ANSWER)
    assert client.ask(**ANSWER)["message"].startswith("the log does not answer")
    assert other.ask(**{**ANSWER, "value": "no", "id": 2})["code"] == error["code"]
    settle(host)
    assert client.take("ack") == []
    (decision,) = resolved(host)
    assert client.ask(**ANSWER)["data"] == decision
    late = other.ask(**{**ANSWER, "value": "no", "id": 2})
    assert late["code"] == "already_answered"
    assert len(resolved(host)) == 1


def test_answer_in_doubt_that_was_not_stored_may_be_given_again(host):
    asking(host)
    client = host.client()
    in_doubt(host, client, ANSWER)
    host.is_failing = True
    settle(host)
    assert client.take("error", "ack") == []
    host.is_failing = False
    assert client.ask(**{**ANSWER, "value": "no"})["type"] == "ack"
    assert [each["value"] for each in resolved(host)] == ["no"]


def test_deadline_in_doubt_is_decided_once(host):
    kernel = host.kernel()
    kernel.start("r1", kernel.request(host, timeout=5))
    host.is_held = True
    host.tick(6)
    host.tick(1)
    host.tick(10)
    assert host.client().ask(**ANSWER)["code"] == "expired"
    settle(host)
    assert [each["outcome"] for each in resolved(host)] == ["timed_out"]


def test_input_in_doubt_is_kept_once_and_its_retry_acknowledged(host):
    host.kernel().start()
    client = host.client()
    in_doubt(host, client, GIVE)
    assert "not known" in client.ask(**GIVE)["message"]
    settle(host)
    assert client.take("ack") == []
    assert client.ask(**GIVE)["data"] == {"kept": True}


def test_input_behind_events_in_doubt_is_turned_away_at_once(host):
    kernel = host.kernel()
    kernel.start()
    client = host.client()
    host.is_held = True
    kernel.log("r1", 2)
    client.send(**GIVE)
    host.doubt()
    assert client.take("error")[0]["code"] == "unavailable"
    settle(host)
    assert client.ask(**GIVE)["data"] == {"kept": True}


def test_input_of_a_run_that_the_log_refused_is_refused_at_once(host):
    kernel = host.kernel()
    kernel.start()
    host.is_failing = True
    kernel.log("r1", 2)
    host.is_held = True
    reply = host.client().ask(**GIVE)
    assert (reply["code"], reply["retry_after"]) == ("unavailable", 1.0)


def test_start_in_doubt_begins_one_run_and_its_retry_is_greeted(host):
    kernel = host.kernel()
    kernel.send(type="publish", n=1, workflows=[{"name": "w", "published_at": 1.0}])
    client = host.client()
    in_doubt(host, client, START)
    assert "not known" in client.ask(**START)["message"]
    settle(host)
    (order,) = kernel.take("start")
    assert client.take() == []
    assert client.ask(**START)["run_id"] == order["run_id"]
    assert kernel.take("start") == []


def test_start_in_doubt_that_was_not_stored_leaves_nothing(host):
    kernel = host.kernel()
    kernel.send(type="publish", n=1, workflows=[{"name": "w", "published_at": 1.0}])
    client = host.client()
    in_doubt(host, client, START)
    host.is_failing = True
    settle(host)
    host.is_failing = False
    assert client.take() == []
    assert kernel.take("start") == []
    client.send(**START)
    assert len(kernel.take("start")) == 1


def test_message_to_whoever_is_there_is_delivered_without_the_log(host):
    kernel = host.kernel()
    client = host.client()
    host.is_failing = True
    kernel.send(type="post", n=1, to="all", message={"type": "hey"})
    assert kernel.take("handled") == [{"type": "handled", "n": 1, "count": 1}]
    assert client.take("hey")
