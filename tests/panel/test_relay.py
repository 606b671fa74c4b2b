import pytest

from kgnb.panel import relay as relay_module
from kgnb.panel.relay import Relay


@pytest.fixture
def woken():
    return []


@pytest.fixture
def relay(begun_run, woken):
    return Relay(begun_run, lambda: woken.append(1))


def told(client, *frames, **more):
    return {"kgnb": {"client": client, "frames": list(frames), **more}}


def test_relay_first_message_opens_a_channel_and_hands_frames_on(relay, begun_run):
    relay.take(told("a", {"type": "ping"}, {"type": "subscribe"}))
    relay.take(told("a", {"type": "answer"}))
    (channel,) = begun_run.channels
    assert [frame["type"] for frame in channel.sent] == ["ping", "subscribe", "answer"]


def test_relay_two_clients_have_two_channels_and_hear_their_own(relay, begun_run):
    relay.take(told("a"))
    relay.take(told("b"))
    begun_run.channels[0].receive([{"seq": 1}])
    begun_run.channels[1].receive([{"seq": 2}, {"seq": 3}])
    assert relay.messages() == [
        told("a", {"seq": 1}),
        told("b", {"seq": 2}, {"seq": 3}),
    ]
    assert relay.messages() == []


def test_relay_frames_that_came_apart_leave_together(relay, begun_run, woken):
    relay.take(told("a"))
    for seq in range(3):
        begun_run.channels[0].receive([{"seq": seq}])
    assert len(woken) == 3
    assert relay.messages() == [told("a", {"seq": 0}, {"seq": 1}, {"seq": 2})]


def test_relay_final_message_closes_the_channel(relay, begun_run):
    relay.take(told("a"))
    relay.take(told("a", {"type": "unsubscribe"}, final=True))
    assert not begun_run.channels[0].is_open
    assert begun_run.channels[0].sent == [{"type": "unsubscribe"}]


def test_relay_client_that_two_threads_open_has_one_channel(relay, begun_run):
    open_channel = begun_run.open_channel

    def open_slowly(**given):
        channel = open_channel(**given)
        begun_run.open_channel = open_channel
        relay.take(told("a", {"type": "hello"}))  # as another thread's, meanwhile
        return channel

    begun_run.open_channel = open_slowly
    relay.take(told("a", {"type": "ping"}))
    late, first = begun_run.channels
    assert [frame["type"] for frame in first.sent] == ["hello", "ping"]
    assert not late.is_open


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "kgnb",
        {},
        {"kgnb": 1},
        {"kgnb": {}},
        {"kgnb": {"client": 7, "frames": []}},
        {"kgnb": {"client": "x" * 65, "frames": []}},
    ],
)
def test_relay_message_that_is_not_ours_opens_nothing(relay, begun_run, message):
    relay.take(message)
    assert begun_run.channels == []


@pytest.mark.parametrize("frames", [None, 7, {"a": 1}, ["text", 1, None]])
def test_relay_frames_that_are_none_are_left(relay, begun_run, frames):
    relay.take({"kgnb": {"client": "a", "frames": frames}})
    assert begun_run.channels[0].sent == []


def test_relay_slow_front_end_is_told_to_come_back(relay, begun_run, monkeypatch):
    monkeypatch.setattr(relay_module, "MOST_PENDING", 3)
    relay.take(told("a"))
    begun_run.channels[0].receive([{"seq": seq} for seq in range(4)])
    assert not begun_run.channels[0].is_open
    (message,) = relay.messages()
    assert message["kgnb"]["closed"]["code"] == 4009
    assert message["kgnb"]["frames"] == []
    relay.take(told("a"))
    assert begun_run.channels[1].is_open


def test_relay_too_many_clients_are_refused(relay, begun_run, monkeypatch):
    monkeypatch.setattr(relay_module, "MOST_CLIENTS", 1)
    relay.take(told("a"))
    relay.take(told("b"))
    (message,) = relay.messages()
    assert message["kgnb"]["client"] == "b"
    assert message["kgnb"]["closed"]["code"] == 4013
    assert len(begun_run.channels) == 1


def test_relay_closed_takes_and_gives_nothing_more(relay, begun_run):
    relay.take(told("a"))
    relay.close()
    begun_run.channels[0].receive([{"seq": 1}])
    relay.take(told("b"))
    assert not begun_run.channels[0].is_open
    assert len(begun_run.channels) == 1
    assert relay.messages() == []
