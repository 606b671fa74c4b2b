"""Share links in the broker: made, used, ended; and what whoever comes by one sees."""

import asyncio
import json

import pytest

from kgnb.broker import BrokerDriver, BrokerLimits, Identity, Peer, driver, sharing
from kgnb.broker.shares import Wish
from kgnb.errors import (
    Conflict,
    Forbidden,
    InvalidValue,
    KgnbError,
    NoSuchLink,
    NoSuchRun,
    NoSuchWorkflow,
    Unauthorized,
    Unavailable,
)
from kgnb.protocol.ids import timestamp
from kgnb.server.links import Signer
from kgnb.storage.memory import MemoryLog

SIGNER = Signer(b"k" * 32, public_url="https://example.org/x/")
ANN = Peer(identity=Identity(user="ann", name="Ann"), role="start", via="http")
BOB = Peer(identity=Identity(user="bob", name="Bob"), role="start", via="http")


@pytest.fixture
def host(make_host):
    return make_host(tokens=SIGNER)


@pytest.fixture
def kernel(host):
    kernel = host.kernel()
    kernel.send(
        type="publish",
        n=1,
        workflows=[
            {"name": "w", "published_at": 1.0, "input": "messages"},
            {"name": "other", "published_at": 1.0},
        ],
    )
    kernel.start("r1")
    return kernel


def make(host, peer=ANN, **wish):
    """A link, or the error that its making ended in."""
    made = []
    shares = host.broker.shares
    shares.make(peer, Wish(**wish or {"run_id": "r1"}), host.now, made.append)
    host.perform()
    (result,) = made
    if isinstance(result, KgnbError):
        raise result
    return result


def revoke(host, share_id, peer=ANN):
    ended = []
    host.broker.shares.revoke(peer, share_id, host.now, ended.append)
    host.perform()
    (result,) = ended
    return result


def comer(host, shared):
    """A client that comes by a link."""
    return host.client(host.broker.shares.peer_of(shared.token, host.now))


def rows(host):
    return [key for key in host.tables.rows if key.startswith("share/")]


# Making


def test_share_link_made_is_stored_and_opens_its_run(host, kernel):
    shared = make(host, run_id="r1", role="answer", ttl=60, label="reviewers")
    assert rows(host) == [f"share/{shared.row.share_id}"]
    client = comer(host, shared)
    (hello,) = client.take("hello")
    identity = hello["identity"]
    assert (identity["kind"], identity["name"]) == ("link", "link: reviewers")
    assert (identity["role"], identity["user"]) == ("answer", None)
    assert identity["voter"] is None
    assert client.ask(type="subscribe", run_id="r1")["type"] == "subscribed"


def test_share_link_holds_an_hour_unless_told(host, kernel):
    assert make(host).row.expires_at == host.now + 3600


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"run_id": "r1", "ttl": 86_401}, InvalidValue),
        ({"run_id": "r1", "ttl": 0}, InvalidValue),
        ({"run_id": "r1", "ttl": float("nan")}, InvalidValue),
        ({"run_id": "r1", "role": "owner"}, InvalidValue),
        ({"run_id": "r1", "role": "control"}, Forbidden),
        ({"run_id": "r1", "workflow": "w"}, InvalidValue),
        ({"role": "view"}, InvalidValue),
        ({"run_id": "r1", "label": "x" * 81}, InvalidValue),
        ({"run_id": "r1", "label": "a\nb"}, InvalidValue),
        ({"run_id": "r2"}, NoSuchRun),
        ({"workflow": "nothing"}, NoSuchWorkflow),
        ({"session_id": ""}, InvalidValue),
        ({"session_id": "kgnb.session.x"}, InvalidValue),
    ],
)
def test_share_link_that_cannot_be_is_refused(host, kernel, wish, error):
    reviewer = Peer(identity=Identity(user="rev"), role="answer")
    with pytest.raises(error):
        make(host, reviewer, **wish)
    assert rows(host) == []


def test_share_link_holder_cannot_make_a_link(host, kernel):
    peer = host.broker.shares.peer_of(make(host, workflow="w").token, host.now)
    with pytest.raises(Forbidden):
        make(host, peer, run_id="r1")
    assert host.broker.shares.listed(peer, host.now) == []


def test_share_links_of_one_identity_are_bounded(make_host):
    host = make_host(tokens=SIGNER, limits=BrokerLimits(max_shares=2))
    host.kernel().start("r1")
    first = make(host)
    make(host)
    with pytest.raises(Conflict):
        make(host)
    make(host, BOB)
    revoke(host, first.row.share_id)
    make(host)


def test_share_link_without_a_server_is_unavailable(make_host):
    host = make_host()
    host.kernel().start("r1")
    with pytest.raises(Unavailable, match="needs a Jupyter or FastAPI server"):
        make(host)


def test_share_link_that_cannot_be_stored_opens_nothing(host, kernel):
    host.is_failing = True
    with pytest.raises(Unavailable):
        make(host)
    assert host.broker.shares.listed(ANN, host.now) == []


# Ending


def test_revoked_share_link_closes_its_sockets_and_no_others(host, kernel):
    shared, other = make(host), make(host)
    clients = [comer(host, shared), comer(host, shared)]
    stays = [comer(host, other), host.client()]
    revoke(host, shared.row.share_id)
    assert [client.closed for client in clients] == [(4001, "Unauthorized")] * 2
    assert [client.closed for client in stays] == [None, None]
    with pytest.raises(Unauthorized):
        host.broker.shares.peer_of(shared.token, host.now)


def test_share_link_revoked_between_handshake_and_connection_lets_nobody_in(
    host, kernel
):
    shared = make(host)
    peer = host.broker.shares.peer_of(shared.token, host.now)
    revoke(host, shared.row.share_id)
    client = host.client(peer)
    assert client.closed == (4001, "Unauthorized")
    assert client.take() == []


def test_share_link_revoked_while_the_log_fails_is_over_all_the_same(host, kernel):
    shared = make(host)
    client = comer(host, shared)
    host.is_failing = True
    assert isinstance(revoke(host, shared.row.share_id), Unavailable)
    assert client.closed == (4001, "Unauthorized")


def test_share_link_revoked_twice_is_revoked(host, kernel):
    shared = make(host)
    first = revoke(host, shared.row.share_id)
    host.now += 1
    again = revoke(host, shared.row.share_id)
    assert again.revoked_at == first.revoked_at == timestamp(host.now - 1)


def test_share_link_that_expires_closes_its_sockets_within_a_second(host, kernel):
    client = comer(host, make(host, run_id="r1", ttl=10))
    host.tick(9.9)
    assert client.closed is None
    host.tick(1.0)
    assert client.closed == (4001, "Unauthorized")
    assert rows(host) == []


def test_share_link_survives_a_restart_and_so_does_its_revocation(
    make_host, host, kernel
):
    shared, revoked = make(host), make(host)
    revoke(host, revoked.row.share_id)
    again = make_host(tables=host.tables, now=host.now, tokens=SIGNER)
    assert comer(again, shared).closed is None
    with pytest.raises(Unauthorized):
        again.broker.shares.peer_of(revoked.token, again.now)


def test_share_link_whose_row_is_gone_opens_nothing(make_host, host, kernel):
    shared = make(host)
    other = make_host(tokens=SIGNER)
    with pytest.raises(Unauthorized):
        other.broker.shares.peer_of(shared.token, other.now)


def test_share_link_signed_for_more_than_its_row_says_opens_nothing(host, kernel):
    row = make(host).row
    row.role = "control"
    forged = SIGNER.sign(row)
    row.role = "view"
    with pytest.raises(Unauthorized):
        host.broker.shares.peer_of(forged, host.now)


def test_share_links_are_listed_and_revoked_by_their_maker_alone(host, kernel):
    shared = make(host)
    shares = host.broker.shares
    assert shares.listed(ANN, host.now) == [shared.row]
    assert shares.listed(BOB, host.now) == []
    for peer, share_id in ((BOB, shared.row.share_id), (ANN, "nothing")):
        with pytest.raises(NoSuchLink, match="no share link"):
            revoke(host, share_id, peer)


# What whoever comes by one sees


@pytest.fixture
def strangers(host, kernel):
    """A run of another workflow with an open approval; a link for run r1, to start."""
    kernel.append(
        "r2",
        1,
        {"type": "workflow_started", "workflow": "other"},
        kernel.request(host, "a2"),
    )
    return comer(host, make(host, run_id="r1", role="start"))


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"type": "cancel", "run_id": "{}"}, "no_such_run"),
        ({"type": "pause", "run_id": "{}"}, "no_such_run"),
        ({"type": "resume", "run_id": "{}"}, "no_such_run"),
        ({"type": "answer", "approval_id": "{}", "value": "yes"}, "no_such_approval"),
        ({"type": "node_input", "node_id": "A", "run_id": "{}"}, "no_such_run"),
        (
            {"type": "node_input", "node_id": "A", "approval_id": "{}"},
            "no_such_approval",
        ),
        ({"type": "start_workflow", "workflow": "{}"}, "no_such_workflow"),
        ({"type": "join_group", "group": "{}"}, "forbidden"),
        ({"type": "subscribe", "topics": ["{}"]}, "forbidden"),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_share_link_meets_strangers_things_like_missing_ones(
    host, strangers, command, code
):
    said = []
    for name in ("r2", "a2", "other", "missing"):
        frame = json.loads(json.dumps(command).replace("{}", name))
        reply = strangers.ask(**frame)
        said.append(reply["message"].replace(repr(name), "it"))
        assert reply["code"] == code
    assert len(set(said)) == 1


def test_share_link_subscribed_to_all_hears_its_own_run_only(host, kernel, strangers):
    strangers.send(type="subscribe")
    strangers.send(type="subscribe", workflow="other")
    strangers.take()
    kernel.log("r2", 3)
    kernel.log("r1", 2)
    assert [frame["run_id"] for frame in strangers.take()] == ["r1"]


def test_share_link_subscription_to_a_strangers_run_ends_like_a_missing_ones(
    host, strangers
):
    strangers.take()
    for run_id in ("r2", "missing"):
        strangers.send(type="subscribe", run_id=run_id)
    assert strangers.take() == []
    host.tick(3.0)
    codes = [frame["code"] for frame in strangers.take("error")]
    assert codes == ["no_such_run"] * 2


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("view", 0), ("answer", 1), ("control", 2), ("start", 3)],
)
def test_share_link_may_do_what_its_role_includes(host, kernel, role, allowed):
    kernel.append("r1", 2, kernel.request(host, "a1"))
    client = comer(host, make(host, workflow="w", role=role))
    refused = []
    for frame in (
        {"type": "answer", "approval_id": "a1", "value": "yes"},
        {"type": "cancel", "run_id": "r1"},
        {"type": "start_workflow", "workflow": "w"},
    ):
        client.take()
        client.send(**frame)
        refused += [f["code"] for f in client.take("error")]
    assert refused == ["forbidden"] * (3 - allowed)


def test_share_link_for_a_workflow_starts_it_and_no_other(host, kernel):
    client = comer(host, make(host, workflow="w", role="start"))
    kernel.take()
    client.send(type="start_workflow", workflow="w", params={"x": 1})
    (order,) = kernel.take("start")
    assert order["params"] == {"x": 1}
    reply = client.ask(type="start_workflow", workflow="other")
    assert reply["code"] == "no_such_workflow"


# Sessions


def say(client, kernel, session_id, text):
    """The messages that a run is started with by what somebody says."""
    kernel.take()
    client.send(type="message", content=text, session_id=session_id, id=text)
    (order,) = kernel.take("start")
    run_id = order["run_id"]
    kernel.append(
        run_id,
        1,
        {"type": "workflow_started", "session_id": order["session_id"]},
        {"type": "workflow_completed", "data": 1},
    )
    kernel.send(type="started", run_id=run_id)
    return [message["content"] for message in order["messages"]]


def bound(peer):
    return Peer(identity=peer.identity, role="start", workflow="w")


def test_session_of_another_identity_guessed_by_name_shows_nothing(host, kernel):
    ann, bob = host.client(bound(ANN)), host.client(bound(BOB))
    assert say(ann, kernel, "s", "secret") == ["secret"]
    assert say(bob, kernel, "s", "what was said?") == ["what was said?"]
    assert say(ann, kernel, "s", "more") == ["secret", "more"]


def test_session_token_shares_a_session_on_purpose(host, kernel):
    ann, bob = host.client(bound(ANN)), host.client(bound(BOB))
    say(ann, kernel, "s", "secret")
    token = "kgnb.session." + make(host, session_id="s").token
    assert say(bob, kernel, token, "hello") == ["secret", "hello"]
    assert say(ann, kernel, "s", "more") == ["secret", "hello", "more"]
    assert say(bob, kernel, "s", "mine") == ["mine"]
    acks = bob.take("ack")
    assert [ack.get("data") for ack in acks] == [None, {"session_id": "s"}]


@pytest.mark.parametrize("kind", ["start_workflow", "message"])
def test_session_token_that_does_not_hold_is_refused(host, kernel, kind):
    bob = host.client(bound(BOB))
    shared = make(host, session_id="s")
    link = make(host)
    revoke(host, shared.row.share_id)
    for token in (shared.token, link.token, "x.y.z"):
        reply = bob.ask(
            type=kind,
            session_id="kgnb.session." + token,
            **({"workflow": "w"} if kind == "start_workflow" else {"content": "hi"}),
        )
        assert reply["code"] == "unauthorized"


def test_session_token_is_no_credential(host, kernel):
    with pytest.raises(Unauthorized):
        host.broker.shares.peer_of(make(host, session_id="s").token, host.now)


# Kernels


def test_kernel_shares_its_own_run_and_takes_it_back(host, kernel):
    kernel.take()
    kernel.send(type="share", n=1, run_id="r1", role="control", ttl=60, label="me")
    (shared,) = kernel.take("shared")
    assert shared["public_url"] == "https://example.org/x/"
    client = host.client(host.broker.shares.peer_of(shared["token"], host.now))
    assert client.closed is None
    kernel.send(type="unshare", n=2, link_id=shared["link_id"])
    (over,) = kernel.take("shared")
    assert (over["n"], over["link_id"]) == (2, shared["link_id"])
    assert client.closed == (4001, "Unauthorized")


def test_kernel_shares_no_other_kernels_run(host, kernel):
    host.kernel("k2", "p2").start("r9")
    kernel.take()
    for run_id in ("r9", "missing"):
        kernel.send(type="share", n=1, run_id=run_id, role="view")
    codes = [frame["code"] for frame in kernel.take("shared")]
    assert codes == ["no_such_run"] * 2


def test_kernels_link_is_listed_for_whoever_may_do_everything(host, kernel):
    kernel.send(type="share", n=1, run_id="r1", role="view")
    (shared,) = kernel.take("shared")
    shares = host.broker.shares
    assert [row.share_id for row in shares.listed(ANN, host.now)] == [shared["link_id"]]
    viewer = Peer(identity=Identity(user="v"), role="view")
    assert shares.listed(viewer, host.now) == []
    assert revoke(host, shared["link_id"]).revoked_at is not None


# Through the driver


class StuckLog(MemoryLog):
    """A log on a disk that has stopped answering."""

    async def commit(self, batch):
        await asyncio.Event().wait()


def test_log_that_never_answers_is_unavailable_not_a_wait_for_ever(monkeypatch):
    monkeypatch.setattr(sharing, "PATIENCE", 0.01)
    monkeypatch.setattr(driver, "CLOSE_TIMEOUT", 0.01)
    monkeypatch.setattr(driver, "SAVE_TIMEOUT", 0.01)

    async def main():
        broker = BrokerDriver(StuckLog(), tokens=SIGNER)
        await broker.start()
        try:
            with pytest.raises(Unavailable, match="does not answer"):
                await broker.share(ANN, Wish(session_id="s"))
        finally:
            await broker.aclose()

    asyncio.run(main())
