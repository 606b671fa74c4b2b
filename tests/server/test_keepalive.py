"""Finding dead peers, on a loop whose clock the test moves."""

import asyncio
import heapq

import pytest

from kgnb.server.keepalive import KeepAlive


class FakeLoop:
    """As much of an event loop as timers need."""

    def __init__(self):
        self.now = 100.0
        self._timers = []
        self._count = 0

    def time(self):
        return self.now

    def call_at(self, when, callback, *args):
        handle = asyncio.TimerHandle(when, callback, args, self)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, handle))
        return handle

    def call_later(self, delay, callback, *args):
        return self.call_at(self.now + delay, callback, *args)

    def get_debug(self):
        return False

    def _timer_handle_cancelled(self, handle):
        pass

    def advance(self, seconds):
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, handle = heapq.heappop(self._timers)
            self.now = max(self.now, when)
            if not handle.cancelled():
                handle._callback(*handle._args)
        self.now = end

    def freeze(self, seconds):
        """The process was held up: time passes and no timer runs."""
        self.now += seconds

    @property
    def live_timers(self):
        return sum(not handle.cancelled() for _, _, handle in self._timers)


class Peer:
    def __init__(self, monkeypatch, *, interval=30, timeout=10, answers=True):
        self.loop = FakeLoop()
        monkeypatch.setattr(asyncio, "get_running_loop", lambda: self.loop)
        self.answers = answers
        self.pings = []
        self.lost_at = None
        self.keepalive = KeepAlive(
            interval=interval, timeout=timeout, ping=self.ping, lost=self.lost
        )
        self.keepalive.start()

    def ping(self):
        self.pings.append(self.loop.now)
        if self.answers:
            self.loop.call_later(0.01, self.keepalive.heard)

    def lost(self):
        self.lost_at = self.loop.now


def test_peer_that_answers_is_kept(monkeypatch):
    peer = Peer(monkeypatch)
    peer.loop.advance(1000)
    assert peer.lost_at is None
    assert [round(when) for when in peer.pings[:3]] == [130, 160, 190]


def test_peer_that_is_silent_is_lost_after_interval_and_timeout(monkeypatch):
    peer = Peer(monkeypatch, answers=False)
    peer.loop.advance(1000)
    assert peer.lost_at == pytest.approx(140)
    assert len(peer.pings) == 1


def test_timeout_longer_than_interval_does_not_hurt(monkeypatch):
    peer = Peer(monkeypatch, interval=1, timeout=600)
    peer.loop.advance(5000)
    assert peer.lost_at is None


def test_any_frame_counts_as_life(monkeypatch):
    peer = Peer(monkeypatch, answers=False)
    peer.loop.advance(31)
    peer.keepalive.heard()
    peer.loop.advance(20)
    assert peer.lost_at is None


def test_loop_that_was_held_up_gives_the_peer_its_time_again(monkeypatch):
    peer = Peer(monkeypatch, answers=False)
    peer.loop.advance(31)
    peer.loop.freeze(60)
    peer.loop.advance(0)
    assert peer.lost_at is None
    peer.loop.advance(11)
    assert peer.lost_at is not None


def test_stopped_keepalive_leaves_no_timer(monkeypatch):
    peer = Peer(monkeypatch)
    peer.loop.advance(31)
    peer.keepalive.stop()
    peer.keepalive.stop()
    assert peer.loop.live_timers <= 1  # the fake peer's own answer
    peer.loop.advance(1000)
    assert len(peer.pings) == 1


def test_interval_of_zero_sends_nothing(monkeypatch):
    peer = Peer(monkeypatch, interval=0)
    peer.loop.advance(1000)
    assert peer.pings == []
