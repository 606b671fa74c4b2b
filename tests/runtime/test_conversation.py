"""The kernel's half of a link, frame by frame."""

import msgspec
import pytest

from kgnb.errors import BadFrame
from kgnb.graph.progress import Checkpoint
from kgnb.protocol import codec, link
from kgnb.protocol.ids import RunId
from kgnb.runtime.conversation import (
    FRAME_EVENTS,
    FRAME_SIZE,
    WINDOW_SIZE,
    Conversation,
)

RUN = RunId("r" * 32)


class Far:
    """The other end, and who carries out orders."""

    def __init__(self):
        self.frames = []
        self.refusals = []
        self.rooms = 0
        self.conversation = Conversation("k1", self)

    def connect(self, **welcome):
        self.conversation.connected(self.write)
        told = {"log_id": "L", "owner_token": "t"} | welcome
        self.say(link.Welcome(**told))

    def write(self, data):
        self.frames.append(codec.decode_kernel_frame(data))

    def say(self, frame):
        self.conversation.received(msgspec.json.encode(frame))

    def carry_out(self, order, reply):
        code = None if order.run_id == RUN else "no_such_run"
        reply(link.OrderReply(order_id=order.order_id, code=code))

    def welcomed(self, conversation):
        pass

    def produce(self):
        def room():
            self.rooms += 1

        return self.conversation.produce(
            RUN, on_room=room, on_refused=self.refusals.append
        )

    def appends(self):
        return [
            (f.n, [bytes(raw) for raw in f.events])
            for f in self.frames
            if isinstance(f, link.AppendFrame)
        ]


@pytest.fixture
def far():
    return Far()


def payloads(*numbers):
    return [b'{"n":%d}' % number for number in numbers]


def test_hello_comes_first_and_carries_the_token_from_then_on(far):
    far.connect()
    far.conversation.disconnected()
    far.connect()
    first, second = [f for f in far.frames if isinstance(f, link.LinkHello)]
    assert (first.kernel_id, first.owner_token) == ("k1", None)
    assert second.owner_token == "t"
    assert second.process_id == first.process_id


def test_events_are_numbered_and_kept_until_stored(far):
    far.connect()
    outgoing = far.produce()
    outgoing.append(payloads(1, 2))
    outgoing.append(payloads(3))
    assert far.appends() == [(1, payloads(1, 2)), (3, payloads(3))]
    far.say(link.Appended(run_id=RUN, n=2, seq=2))
    assert list(outgoing.unstored) == payloads(3)


def test_after_a_break_what_is_not_stored_is_sent_again(far):
    far.connect()
    outgoing = far.produce()
    outgoing.append(payloads(1, 2, 3))
    far.conversation.disconnected()
    assert not outgoing.has_room
    outgoing.append(payloads(4))
    far.frames.clear()
    far.connect(runs=[link.KnownRun(run_id=RUN, epoch=1, n=2)])
    assert far.appends() == [(3, payloads(3, 4))]


def test_a_run_has_so_many_bytes_under_way_and_room_again_when_they_are_stored(far):
    far.connect()
    outgoing = far.produce()
    outgoing.append([b'"%s"' % (b"x" * WINDOW_SIZE)])
    assert not outgoing.has_room
    far.say(link.Appended(run_id=RUN, n=1, seq=1))
    assert outgoing.has_room


def test_many_events_are_sent_in_several_frames(far):
    far.connect()
    outgoing = far.produce()
    outgoing.append(payloads(*range(FRAME_EVENTS + 1)))
    assert [(n, len(events)) for n, events in far.appends()] == [
        (1, FRAME_EVENTS),
        (FRAME_EVENTS + 1, 1),
    ]


def test_gap_goes_on_from_where_the_log_is(far):
    far.connect()
    outgoing = far.produce()
    outgoing.append(payloads(1, 2, 3))
    far.frames.clear()
    far.say(link.Refused(run_id=RUN, epoch=1, code="gap", message="", expected=2))
    assert far.appends() == [(2, payloads(2, 3))]
    assert far.refusals == []


def test_gap_before_what_is_kept_gives_up(far):
    far.connect()
    outgoing = far.produce()
    outgoing.append(payloads(1, 2))
    far.say(link.Appended(run_id=RUN, n=2, seq=2))
    far.say(link.Refused(run_id=RUN, epoch=1, code="gap", message="new", expected=1))
    assert [error.code for error in far.refusals] == ["gap"]
    assert outgoing.is_refused
    far.frames.clear()
    outgoing.append(payloads(3))
    assert far.appends() == []


def test_conflict_is_handed_on(far):
    far.connect()
    far.produce()
    far.say(link.Refused(run_id=RUN, epoch=1, code="conflict", message="over"))
    assert [error.code for error in far.refusals] == ["conflict"]


def test_lasting_channel_is_opened_again_and_a_views_is_closed(far):
    far.connect()
    opened, closed = [], []
    far.conversation.open_channel("kernel", print, opened=lambda: opened.append(1))
    far.conversation.open_channel(
        "comm", print, closed=lambda code, reason: closed.append(code)
    )
    far.conversation.disconnected()
    far.connect()
    assert len(opened) == 2
    assert closed == [1012]
    vias = [f.via for f in far.frames if isinstance(f, link.OpenChannel)]
    assert vias == ["kernel", "comm", "kernel"]


def test_channel_carries_frames_both_ways_and_closes_once(far):
    far.connect()
    got = []
    channel = far.conversation.open_channel("comm", got.append)
    channel.send(b'{"type":"ping"}')
    far.say(link.ChannelFrame(channel=channel.name, frame=msgspec.Raw(b'{"a":1}')))
    channel.close()
    channel.close()
    far.say(link.ChannelFrame(channel=channel.name, frame=msgspec.Raw(b'{"a":2}')))
    assert got == [b'{"a":1}']
    kinds = [type(frame).__name__ for frame in far.frames]
    assert kinds == ["LinkHello", "OpenChannel", "ChannelFrame", "CloseChannel"]


def test_order_is_carried_out_and_answered(far):
    far.connect()
    for run_id in (RUN, RunId("other")):
        command = msgspec.Raw(b'{"type":"cancel","run_id":"x"}')
        far.say(link.Order(order_id=7, run_id=run_id, command=command, by={}))
    replies = [f.code for f in far.frames if isinstance(f, link.OrderReply)]
    assert replies == [None, "no_such_run"]


def test_frame_that_is_none_is_refused(far):
    far.connect()
    with pytest.raises(BadFrame):
        far.conversation.received(b'{"type":"nonsense"}')


# Checkpoints of a durable run.


def checkpointed(far, key=None):
    """A run that has sent three events; with the first and the last, a checkpoint."""
    outgoing = far.conversation.produce(
        RUN, on_room=lambda: None, on_refused=far.refusals.append, key=key
    )
    made = [Checkpoint(b'{"n":1}'), Checkpoint(b'{"n":3}')]
    outgoing.append([b"1", b"2", b"3"], {0: made[0], 2: made[1]})
    return outgoing, made


def records(far):
    return [
        [(kept.at, bytes(kept.record)) for kept in frame.records]
        for frame in far.frames
        if isinstance(frame, link.AppendFrame)
    ]


def test_a_checkpoint_travels_with_its_event(far):
    far.connect()
    checkpointed(far, key="cell")
    assert records(far) == [[(0, b'{"n":1}'), (2, b'{"n":3}')]]
    assert far.frames[-1].key == "cell"


def test_a_checkpoint_is_stored_when_its_event_is(far):
    far.connect()
    outgoing, (first, last) = checkpointed(far)
    outgoing.stored(2)
    assert first.stored.done()
    assert not last.stored.done()
    outgoing.stored(3)
    assert last.stored.done()


def test_after_a_break_what_is_not_stored_is_sent_with_its_checkpoints(far):
    far.connect()
    outgoing, _ = checkpointed(far, key="cell")
    outgoing.stored(1)
    far.conversation.disconnected()
    far.frames.clear()
    far.connect()
    assert records(far) == [[(1, b'{"n":3}')]]
    assert far.frames[-1].key is None


def test_large_checkpoints_go_in_frames_of_their_own(far):
    far.connect()
    outgoing = far.produce()
    large = [Checkpoint(b'"%s"' % (b"x" * FRAME_SIZE)) for _ in range(2)]
    outgoing.append([b"1", b"2"], dict(enumerate(large)))
    assert [len(each) for each in records(far)] == [1, 1]


def test_a_refused_run_leaves_its_checkpoints_undecided(far):
    far.connect()
    _, (first, _) = checkpointed(far)
    far.say(link.Refused(run_id=RUN, epoch=1, code="conflict", message="over"))
    assert far.refusals
    assert not first.stored.done()
