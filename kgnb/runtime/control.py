"""Whether a run may go on: paused, cancelled, or free."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Literal

from kgnb.graph.context import check_attempt

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from kgnb.protocol.events import By

State = Literal["free", "paused", "cancelled"]


class Control:
    """The brake of one run. All methods may be called from any thread.

    ``hold`` blocks a thread and ``hold_async`` a task while the run is paused; both
    raise ``CancelledError`` once it is cancelled.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._state: State = "free"
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._on_cancel: list[Callable[[], object]] = []
        self.fatal: BaseException | None = None
        """Ends the run whatever its nodes make of it."""
        self.by: By | None = None
        """Who cancelled, where somebody did."""
        self.reason: str | None = None
        """Why, where nobody did."""

    @property
    def is_cancelled(self) -> bool:
        """Whether nothing may start any more."""
        return self._state == "cancelled"

    @property
    def is_paused(self) -> bool:
        """Whether nothing may start for now."""
        return self._state == "paused"

    def is_behind(self, error: BaseException | None) -> bool:
        """Whether an error is but the cancelling, as another library tells it.

        LangGraph's ``NodeCancelledError`` is, where code of ours raised in a node
        what its task was about to get.
        """
        if error is None or not self.is_cancelled:
            return False
        told = error, error.__cause__
        return any(isinstance(each, asyncio.CancelledError) for each in told)

    def pause(self) -> bool:
        """Hold what comes to a checkpoint; whether that changed anything."""
        return self._move("free", "paused")

    def resume(self) -> bool:
        """End a pause; whether there was one."""
        return self._move("paused", "free")

    def _move(self, source: State, target: State) -> bool:
        with self._changed:
            if self._state != source:
                return False
            self._set(target)
        return True

    def _set(self, state: State) -> None:
        self._state = state
        self._changed.notify_all()
        waiters, self._waiters = self._waiters, []
        for loop, event in waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def cancel(
        self,
        *,
        fatal: BaseException | None = None,
        by: By | None = None,
        reason: str | None = None,
    ) -> bool:
        """Let nothing go on; False where that was so already."""
        with self._changed:
            if self._state == "cancelled":
                return False
            self.fatal = fatal
            self.by = by
            self.reason = reason
            self._set("cancelled")
            callbacks, self._on_cancel = self._on_cancel, []
        for callback in callbacks:
            callback()
        return True

    def on_cancel(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call ``callback``, in whichever thread cancels; at once if that was.

        Returns:
            Forgets the callback; may be called when it is no longer wanted.
        """
        with self._changed:
            if self._state != "cancelled":
                self._on_cancel.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], object]) -> None:
        with self._changed, contextlib.suppress(ValueError):  # it was called
            self._on_cancel.remove(callback)

    def hold(self) -> None:
        """Block while paused.

        Raises:
            asyncio.CancelledError: The run was cancelled.
        """
        check_attempt()
        if self._state == "free":  # read without the lock: this is asked at each phase
            return
        with self._changed:
            self._changed.wait_for(lambda: self._state != "paused")
        if self.is_cancelled:
            raise asyncio.CancelledError

    async def hold_async(self) -> None:
        """Wait while paused; see ``hold``."""
        while self._state != "free":
            if self.is_cancelled:
                raise asyncio.CancelledError
            event = asyncio.Event()
            with self._changed:
                if self._state == "paused":
                    self._waiters.append((asyncio.get_running_loop(), event))
                else:
                    event.set()
            await event.wait()

    def sleep(self, seconds: float) -> None:
        """Sleep, or raise ``CancelledError`` as soon as the run is cancelled."""
        until = time.monotonic() + seconds
        with self._changed:
            while not self.is_cancelled:
                rest = until - time.monotonic()
                if rest <= 0:
                    return
                self._changed.wait(rest)
        raise asyncio.CancelledError

    def wait_for(self, future: Future[Any], seconds: float | None) -> bool:
        """Wait until ``future`` is done, at most so many seconds; whether it is.

        Raises:
            asyncio.CancelledError: The run was cancelled before.
        """
        changed = threading.Event()
        forget = self.on_cancel(changed.set)
        future.add_done_callback(lambda _done: changed.set())
        try:
            changed.wait(seconds)
        finally:
            forget()
        if self.is_cancelled:
            raise asyncio.CancelledError
        return future.done()

    def check(self) -> None:
        """Raise ``CancelledError`` if this code is to end; a pause goes unheeded.

        It is if the run was cancelled, or the attempt that the code is part of left.
        """
        check_attempt()
        if self._state == "cancelled":
            raise asyncio.CancelledError
