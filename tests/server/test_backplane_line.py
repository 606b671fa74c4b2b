"""What two servers tell each other: numbers, bounds, seals."""

import msgspec
import pytest

from kgnb.broker.peer import Identity, OutFrame, Peer
from kgnb.errors import Unauthorized, Unavailable
from kgnb.server.backplane import line as lines
from kgnb.server.backplane import messages as says
from kgnb.server.backplane.line import Line
from kgnb.server.backplane.seals import Seal

SEAL = Seal("secret", "kgnb")


@pytest.fixture
def ends():
    return Line("a", "b", "s"), Line("b", "a", "s")


def travelled(envelope, to="b"):
    """An envelope as the other server gets it, and its size."""
    letter = SEAL.close(to, envelope)
    return SEAL.open(to, letter), len(letter)


def frame(text="x", size=1):
    return OutFrame(text.encode() * size, "token", ("k", "1"), 7, "run")


def test_line_says_everything_in_order(ends):
    here, there = ends
    peer = Peer(identity=Identity(user="ann"), role="answer", client_id="phone")
    told = [
        says.Hello(),
        says.Opened(1, peer),
        says.Opened(2, None),
        says.Said(1, b'{"type":"ping"}'),
        says.Left(2),
        says.Slow(1, is_slow=True),
        says.Asked(1, says.KernelGone("k1", "died", ["p1"])),
        says.Told(1, msgspec.Raw(msgspec.msgpack.encode({"a": 1}))),
        says.Refused(2, "conflict", "no", {"retry_after": 1.5}),
        says.Bye("enough"),
    ]
    for message in told:
        here.put(message)
    assert there.receive(*travelled(here.take())) == told
    assert here.take() is None


def test_line_sends_one_frame_once_to_many(ends):
    here, there = ends
    first, second = frame("a"), frame("b")
    for channel in (1, 2, 3):
        here.put_frame(channel, first)
    here.put_frame(1, second)
    here.put_frame(1, first)
    told = there.receive(*travelled(here.take()))
    assert [(message.channels, message.frame) for message in told] == [
        ([1, 2, 3], first),
        ([1], second),
        ([1], first),
    ]


def test_line_hears_a_repeated_envelope_once(ends):
    here, there = ends
    here.put(says.Hello())
    envelope, size = travelled(here.take())
    assert there.receive(envelope, size) == [says.Hello()]
    assert there.receive(envelope, size) == []


def test_line_with_a_gap_breaks(ends):
    here, there = ends
    here.put(says.Hello())
    here.take()
    here.put(says.Beat())
    with pytest.raises(Unavailable, match="expected message 1, got 2"):
        there.receive(*travelled(here.take()))


def test_line_of_another_sender_breaks(ends):
    here, _ = ends
    stranger = Line("c", "b", "s")
    here.put(says.Hello())
    with pytest.raises(Unavailable, match="another server"):
        stranger.receive(*travelled(here.take()))


def test_line_is_congested_until_the_other_has_read(ends):
    here, there = ends
    while not here.is_congested:
        here.put_frame(1, frame(size=100_000))
    while (envelope := here.take()) is not None:
        assert here.is_congested
        there.receive(*travelled(envelope))
    assert there.has_news
    here.receive(*travelled(there.take(), to="a"))
    assert here.under_way == 0
    assert not there.has_news


def test_line_to_a_reader_that_stands_still_is_given_up(ends, monkeypatch):
    here, _ = ends
    monkeypatch.setattr(lines, "MOST", 1000)
    here.put_frame(1, frame(size=500))
    with pytest.raises(Unavailable, match="does not read"):
        here.put_frame(1, frame(size=500))


def test_closed_line_neither_says_nor_hears(ends):
    here, there = ends
    here.put(says.Hello())
    there.close()
    assert there.receive(*travelled(here.take())) == []
    with pytest.raises(Unavailable, match="has gone"):
        there.put(says.Welcome())


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda letter: b"",
        lambda letter: letter[:-1],
        lambda letter: letter[:40] + bytes([letter[40] ^ 1]) + letter[41:],
        lambda letter: bytes(32) + letter[32:],
    ],
)
def test_letter_that_was_touched_is_thrown_away(ends, spoilt):
    ends[0].put(says.Hello())
    letter = SEAL.close("b", ends[0].take())
    with pytest.raises(Unauthorized):
        SEAL.open("b", spoilt(letter))


@pytest.mark.parametrize(
    ("seal", "to"),
    [(SEAL, "c"), (Seal("secret", "other"), "b"), (Seal("guess", "kgnb"), "b")],
)
def test_letter_to_another_server_deployment_or_secret_is_thrown_away(ends, seal, to):
    ends[0].put(says.Hello())
    letter = SEAL.close("b", ends[0].take())
    with pytest.raises(Unauthorized, match="link_secret"):
        seal.open(to, letter)


def test_letter_that_is_sealed_but_makes_no_sense_is_thrown_away():
    nonsense = msgspec.msgpack.decode(msgspec.msgpack.encode(["a", "s", "?", 0, []]))
    letter = SEAL.close("b", nonsense)
    with pytest.raises(Unauthorized, match="thrown away"):
        SEAL.open("b", letter)
