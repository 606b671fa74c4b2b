"""What the panel needs of a run; the runtime's ``Run`` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.protocol.events import GraphSpec
    from kgnb.protocol.view import RunView

PanelChoice = Literal["compact", "widget", False] | None
"""``panel=`` of ``kgnb.run``; None chooses."""

DisplayMode = Literal["live", "static", "ci"]
"""Who watches: a person, nobody (nbclient, papermill, Voilà), or a comparison."""

Frame = dict[str, Any]


class ChannelPort(Protocol):
    """A virtual client socket of the run's log; callable from any thread."""

    def send(self, frame: Frame) -> None:
        """Hand one ``kgnb.v1`` frame to the broker; never waits."""

    def close(self) -> None:
        """Leave. Nothing is received after it."""


class RunPort(Protocol):
    """One run, as the panel sees it. Every member may be used on any thread."""

    @property
    def id(self) -> str:
        """The run's id."""
        ...

    @property
    def workflow(self) -> str:
        """The name shown."""
        ...

    @property
    def graph(self) -> GraphSpec:
        """The graph as drawn, known before the first event."""
        ...

    @property
    def view(self) -> RunView:
        """The fold of the run's events so far; only read."""
        ...

    @property
    def panel(self) -> PanelChoice:
        """What the caller of ``run`` asked for."""

    @property
    def display_mode(self) -> DisplayMode:
        """Who watches."""
        ...

    @property
    def sign(self) -> bool:
        """Whether the HTML names the run, its times and who answered."""
        ...

    @property
    def log_host(self) -> Literal["server", "kernel"]:
        """Who keeps the run's log."""
        ...

    @property
    def kernel_id(self) -> str | None:
        """The kernel's id; None where none is known."""

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after each event that ``view`` took in.

        It is called on the reader's thread and must only note the fact. The
        value returned takes the listener away again.
        """
        ...

    def open_channel(
        self, *, via: str, receive: Callable[[list[Frame]], None]
    ) -> ChannelPort:
        """Open a client socket to the broker that keeps the run's log.

        ``receive`` gets the frames that came together; it must only enqueue.
        """
        ...
