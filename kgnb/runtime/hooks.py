"""Who shows runs: the panel, which the composition root brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from kgnb.drawing.mermaid import Direction
    from kgnb.protocol.view import RunView
    from kgnb.runtime.cassette.replaying import Replay
    from kgnb.runtime.comparing import Comparison
    from kgnb.runtime.comparing.steps import StateSteps
    from kgnb.runtime.run import Run


class Display(Protocol):
    """Shows runs in their cells."""

    def show(self, run: Run | Replay) -> None:
        """Make the run's display. Called in the cell's thread, before the start."""

    def finish(self, run: Run | Replay) -> None:
        """Put the record in its place; in CI mode, make the one display.

        Called once, with the context of the cell, when ``run.view`` has the end.
        """


@runtime_checkable
class Draws(Protocol):
    """A display that draws graphs too."""

    def draw(self, graph: Mapping[str, Any], /) -> str | None:
        """The SVG of a graph's spec, or None where there is none."""


@runtime_checkable
class Exports(Protocol):
    """A display that makes records of finished runs."""

    def again(self, view: RunView) -> None:
        """Display the record of a finished run in the running cell."""

    def html(
        self, view: RunView, states: StateSteps | None, notes: Sequence[str]
    ) -> str:
        """The report of a run: a page that stands for itself."""
        ...

    def svg(self, view: RunView) -> str | None:
        """The picture with its states, or None where there is none."""

    def mermaid(self, view: RunView, direction: Direction) -> str:
        """The same as text for Mermaid."""
        ...


@runtime_checkable
class Compares(Protocol):
    """A display that shows two runs side by side."""

    def comparison(self, comparison: Comparison) -> str:
        """Its HTML."""
        ...


class _Nothing:
    """Shows nothing: kgnb without its panel."""

    def show(self, run: Run | Replay) -> None:
        pass

    def finish(self, run: Run | Replay) -> None:
        pass


class _Installed:
    display: Display = _Nothing()
    draw: Callable[[Mapping[str, Any]], str | None] | None = None


def install(
    display: Display | None,
    *,
    draw: Callable[[Mapping[str, Any]], str | None] | None = None,
) -> None:
    """Let ``display`` show the runs that begin from now on; None shows nothing.

    Args:
        display: Who shows them.
        draw: Draws a graph's spec as SVG; by default the display's own ``draw``.
    """
    _Installed.display = _Nothing() if display is None else display
    if draw is None and isinstance(display, Draws):
        draw = display.draw
    _Installed.draw = draw


def display() -> Display:
    """Who shows runs now."""
    return _Installed.display


def draw(graph: Mapping[str, Any]) -> str | None:
    """The picture of a graph, or None where nobody draws."""
    return None if _Installed.draw is None else _Installed.draw(graph)
