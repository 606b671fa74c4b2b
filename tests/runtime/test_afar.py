"""The way home of what other processes tell, without another process."""

import pickle
import socket
import threading

import pytest

from kgnb.graph.context import NodeVisit
from kgnb.protocol.events import Usage
from kgnb.runtime.afar import reports
from kgnb.runtime.afar.frames import LARGEST, Frames, framed
from kgnb.runtime.afar.outbox import MOST_LINE, MOST_TEXT, Outbox
from kgnb.runtime.afar.posts import NoPost, Post, SocketPost
from kgnb.runtime.afar.reports import Batch, Ended, Output, Percent, Piece, Sent
from kgnb.runtime.afar.rooms import SocketRoom
from kgnb.runtime.afar.tickets import AtSocket, Ticket
from kgnb.runtime.loops import LoopThread
from kgnb.runtime.texts import Part


@pytest.fixture
def outbox():
    return Outbox("line", None, lambda: None)


def texts(batch):
    return [(report.stream, report.text) for report in batch.reports]


# The outbox.


def test_outbox_joins_what_one_stream_says(outbox):
    outbox.output("stdout", "a", None)
    outbox.output("stdout", "b\n", None)
    outbox.output("stderr", "c", None)
    outbox.output("stdout", "d", None)
    told = [("stdout", "ab\n"), ("stderr", "c"), ("stdout", "d")]
    assert texts(outbox.take(MOST_TEXT)) == told


def test_outbox_keeps_records_apart(outbox):
    outbox.output("logging", "one\n", "INFO")
    outbox.output("logging", "two\n", "ERROR")
    assert [report.level for report in outbox.take(1000).reports] == ["INFO", "ERROR"]


def test_outbox_tells_the_last_progress_alone(outbox):
    for percent in range(100):
        outbox.progress(Percent(percent))
    assert outbox.take(1000).reports == [Percent(99)]


def test_outbox_joins_nothing_over_an_event(outbox):
    outbox.output("stdout", "before", None)
    outbox.add(Sent("mine", b"1"))
    outbox.output("stdout", "after", None)
    kinds = [type(report) for report in outbox.take(1000).reports]
    assert kinds == [Output, Sent, Output]


def test_outbox_joins_streams_side_by_side(outbox):
    for word in "abc":
        for stream in (1, 2):
            outbox.piece(stream, None, Part("text", word))
    taken = outbox.take(1000).reports
    assert [(piece.stream, piece.part.text) for piece in taken] == [
        (1, "abc"),
        (2, "abc"),
    ]


def test_outbox_counts_its_batches_and_the_last_has_all_that_is_left(outbox):
    outbox.output("stdout", "a" * MOST_LINE, None)
    outbox.output("stdout", "b" * MOST_LINE, None)
    first = outbox.take(10)
    assert (first.n, texts(first)) == (1, [("stdout", "a" * MOST_LINE)])
    assert outbox.has_more
    last = outbox.close()
    assert (last.n, texts(last)) == (2, [("stdout", "b" * MOST_LINE)])
    assert last.execution == first.execution
    assert outbox.take(10) is None


def test_outbox_drops_what_is_too_much_and_says_how_much(outbox):
    for _ in range(MOST_TEXT // MOST_LINE + 3):
        outbox.output("stdout", "." * MOST_LINE, None)
    batch = outbox.close()
    assert sum(len(text) for _, text in texts(batch)[:-1]) == MOST_TEXT
    assert texts(batch)[-1][1].startswith("3 pieces of output were dropped")


def test_outbox_has_room_again_after_a_batch(outbox):
    outbox.output("stdout", "." * MOST_TEXT, None)
    outbox.take(2 * MOST_TEXT)
    outbox.output("stdout", "." * MOST_TEXT, None)
    assert len(texts(outbox.close())) == 1


def test_outbox_takes_nothing_after_its_end(outbox):
    outbox.close()
    outbox.output("stdout", "late", None)
    outbox.add(Ended(1))
    assert not outbox.has_more


# What travels.


def test_batch_comes_back_as_it_went():
    part = Part("reasoning", "hm")
    told = [Output("stderr", "x"), Piece(2, part, "name"), Ended(2, Usage())]
    batches = [Batch("line", "execution", 3, told)]
    assert reports.decode(reports.encode(batches)) == batches


def test_half_a_character_costs_no_batch():
    batch = Batch("line", "execution", 1, [Output("stdout", "a\ud800b")])
    (read,) = reports.decode(reports.encode([batch]))
    assert texts(read) == [("stdout", "a?b")]


def test_frames_are_put_together_from_any_pieces():
    stream = b"".join(framed(bytes([n]) * n) for n in range(5))
    frames = Frames()
    read = [f for byte in stream for f in frames.add(bytes([byte]))]
    assert read == [bytes([n]) * n for n in range(5)]


def test_frame_that_nobody_wrote_is_refused():
    with pytest.raises(ValueError, match="expected"):
        list(Frames().add((LARGEST + 1).to_bytes(4, "big")))


# The room, and the way there.


@pytest.fixture
def link():
    link = LoopThread("kgnb-link")
    link.start()
    yield link
    link.stop()


@pytest.fixture
def room(link):
    heard = []
    came = threading.Semaphore(0)

    def take(batch):
        heard.append(batch)
        came.release()

    room = SocketRoom(link, take)
    room.heard, room.came = heard, came
    room.address = room.open()
    yield room
    room.close()


def test_post_brings_batches_to_the_room(room, eventually, monkeypatch):
    monkeypatch.setattr("kgnb.runtime.afar.posts.IDLE", 0.05)
    post = SocketPost(room.address.port, room.address.secret)
    outbox = Outbox("line", None, lambda: post.collect(outbox))
    outbox.output("stdout", "hello", None)
    assert room.came.acquire(timeout=10)
    assert texts(room.heard[0]) == [("stdout", "hello")]
    room.stop("line")
    eventually(lambda: post.is_stopped("line"))
    assert not post.is_stopped("another")
    room.close()
    eventually(lambda: post.is_stopped("another"))


def test_process_that_comes_later_hears_what_was_stopped(room, eventually, monkeypatch):
    monkeypatch.setattr("kgnb.runtime.afar.posts.IDLE", 0.05)
    room.stop("line")
    post = SocketPost(room.address.port, room.address.secret)
    outbox = Outbox("line", None, lambda: None)
    post.collect(outbox)
    eventually(lambda: post.is_stopped("line"))


def test_stranger_is_sent_away_unheard(room):
    batch = reports.encode([Batch("line", "execution", 1)])
    with socket.create_connection(("127.0.0.1", room.address.port)) as stranger:
        stranger.sendall(framed(b"x" * 32) + framed(batch))
        stranger.settimeout(10)
        assert stranger.recv(1) == b""
    assert room.heard == []


def test_guest_that_sends_what_nobody_reads_is_sent_away(room, caplog):
    with socket.create_connection(("127.0.0.1", room.address.port)) as guest:
        guest.sendall(framed(room.address.secret) + framed(b"\xc1"))
        guest.settimeout(10)
        assert guest.recv(1) == b""
    assert "what kgnb cannot read" in caplog.text


def test_reader_of_a_stream_is_let_go_when_its_call_is_stopped(monkeypatch):
    monkeypatch.setattr("kgnb.runtime.afar.posts.IDLE", 0.05)
    stopped, gone = threading.Event(), threading.Event()

    class Here(NoPost):
        interval = 0.01
        watching = Post.watching

    with Here().watching(stopped.is_set, gone.set):
        assert not gone.wait(0.03)
        stopped.set()
        assert gone.wait(10)


def test_ticket_can_be_pickled():
    ticket = Ticket(NodeVisit("A", "A:1"), "A-1", AtSocket(1, b"x"), "run")
    assert pickle.loads(pickle.dumps(ticket)) == ticket
