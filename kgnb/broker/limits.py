"""How much one client may ask for."""

from __future__ import annotations

import msgspec

from kgnb.protocol.codec import Limits

DAY = 86_400.0
"""Seconds."""
RATE_LIMIT_MESSAGE = "Rate limit exceeded"
"""The documents' literal text."""


class BrokerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and periods; times are in seconds."""

    max_connections: int = 1000
    max_connections_per_identity: int = 100
    memory_limit: int | None = None
    """Bytes of the process, past which no more clients are taken; None: any."""
    frame: Limits = Limits()
    rate_limit_messages: int = 100
    rate_limit_window: float = 60.0
    rate_limit_light: int = 1200
    """Pings and subscriptions in one window."""
    max_subscriptions: int = 128
    """Per connection; of groups and an application's topics, per client."""
    max_name: int = 128
    """Bytes of a topic's or group's name, and of an approval's id."""
    max_channels: int = 256
    """Virtual connections over one kernel's link."""
    groups_open: tuple[str, ...] = ()
    """Groups that anybody may join."""
    offline_queue: int = 1000
    """Messages that a named client gets when it is back."""
    offline_ttl: float = DAY
    """How old they may be."""
    read_page: int = 256
    """Events read from the log at a time, and stored in one transaction."""
    read_bytes: int = 262_144
    """Of events that are replayed at a time, but for one event that has more."""
    max_queued: int = 50_000
    """Events of one run that wait for the log; past it the link is closed."""
    max_early_inputs: int = 16
    """Inputs of one run that are kept for nodes which do not wait yet."""
    max_workflows: int = 256
    """Published by one kernel."""
    max_waiting: int = 16
    """Messages of one session that wait for its run."""
    max_session: int = 1024 * 1024
    """Bytes of a session's messages."""
    max_wrong_ids: int = 20
    """Answers of one identity to approvals that are not there, in one window."""
    share_ttl: float = DAY
    """How long a share link may hold."""
    max_shares: int = 1_000
    """Share links of one identity that hold at a time."""
    retention: float = 30 * DAY
    """How long finished runs and the audit are kept; 0: for ever, but for the next."""
    max_finished_runs: int = 10_000
    """Finished runs that are kept; past it the oldest go."""
    stall_after: float = 10.0
    order_timeout: float = 10.0
    cursor_interval: float = 10.0
    unknown_run_wait: float = 2.0
    """How long a subscription waits for a run that is not there yet."""
    retry_after: float = 1.0
    """After the log failed."""


class Window:
    """A sliding window: how many of the last ``period`` seconds' hits were let in.

    Refused hits are counted, not kept, so its size is bounded by ``limit``.
    """

    def __init__(self, limit: int, period: float) -> None:
        self._limit = limit
        self._period = period
        self._hits: list[float] = []
        self._refused: tuple[float, int] = (0.0, 0)

    def hit(self, now: float) -> float | None:
        """Count one; None if it is let in, else the seconds until the next may be."""
        self._forget(now)
        if len(self._hits) < self._limit:
            self._hits.append(now)
            return None
        since, count = self._refused
        self._refused = (since if count else now, count + 1)
        return max(0.0, self._hits[0] + self._period - now)

    def excess(self, now: float) -> int:
        """Hits refused within the window that began with the first refusal."""
        self._forget(now)
        return self._refused[1]

    def is_idle(self, now: float) -> bool:
        """Whether it can be forgotten."""
        self._forget(now)
        return not self._hits and not self._refused[1]

    def _forget(self, now: float) -> None:
        # A clock set back must not lock anybody out: future hits go as well.
        began = now - self._period
        counting = (n for n, hit in enumerate(self._hits) if began < hit <= now)
        del self._hits[: next(counting, None)]
        since, count = self._refused
        if count and not now - self._period < since <= now:
            self._refused = (0.0, 0)


class Verdict(msgspec.Struct, frozen=True):
    """``retry_after`` is None where the frame may pass."""

    retry_after: float | None = None
    must_close: bool = False


class RateLimiter:
    """Windows per client and per identity; they outlive a reconnection.

    A client is an identity with its ``client_id``, or one socket where it
    names none. All clients of one identity share ten times that.
    """

    _IDENTITY_FACTOR = 10
    _CLOSE_FACTOR = 10

    def __init__(self, limits: BrokerLimits) -> None:
        self._limits = limits
        self._windows: dict[tuple[str, ...], Window] = {}

    def _window(self, key: tuple[str, ...], limit: int) -> Window:
        window = self._windows.get(key)
        if window is None:
            window = Window(limit, self._limits.rate_limit_window)
            self._windows[key] = window
        return window

    def check(self, user: str, client: str, now: float, *, is_light: bool) -> Verdict:
        """Count one frame of a client.

        Args:
            user: The identity's key.
            client: The client's, or the socket's.
            now: Seconds.
            is_light: A ping or a subscription, which have a limit of their own.
        """
        kind = "light" if is_light else "message"
        limit = (
            self._limits.rate_limit_light
            if is_light
            else self._limits.rate_limit_messages
        )
        own = self._window((kind, user, client), limit)
        shared = self._window((kind, user), limit * self._IDENTITY_FACTOR)
        retry_after = own.hit(now)
        if retry_after is None:
            retry_after = shared.hit(now)
        if retry_after is None:
            return Verdict()
        most = limit * (self._CLOSE_FACTOR - 1)
        return Verdict(retry_after, own.excess(now) >= most)

    def forget_idle(self, now: float) -> None:
        """Drop windows in which nothing happened."""
        idle = [key for key, window in self._windows.items() if window.is_idle(now)]
        for key in idle:
            del self._windows[key]
