"""What can be written of a run: by its handle, by its result, by a replay's handle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from kgnb.drawing import png
from kgnb.errors import Unavailable
from kgnb.runtime import hooks

if TYPE_CHECKING:
    import os

    from kgnb.drawing.mermaid import Direction
    from kgnb.protocol.view import RunView
    from kgnb.runtime.exports import Origin


class Exporting(ABC):
    """Report, trace and pictures of a run."""

    @abstractmethod
    def _exported(self) -> tuple[RunView, Origin | None]:
        """The run as it is now, and where it is read; None where that is not known."""

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the run's report: one page that needs nothing else, and no script.

        It has the graph, which can be looked at as it was at each step, the visits,
        texts, questions with who answered them when and how, results, output, figures,
        and what each step of a durable run changed in what its nodes share. What looks
        like a secret is hidden. Of a large run it has the latest, and says so; of a run
        that goes on, what was until now.

        Raises:
            Unavailable: kgnb runs without its panel.
        """
        view, origin = self._exported()
        states = None if origin is None else origin.states(view)
        notes = () if origin is None else origin.notes()
        target = Path(path)
        page = shown_by().html(view, states, notes)
        target.write_text(page, encoding="utf-8", newline="\n")
        return target

    def to_jsonl(self, path: str | os.PathLike[str]) -> Path:
        """Write the run's trace: every event so far, one JSON object a line.

        It is a recording of the run, but for its models' replies: ``kgnb.replay(path)``
        shows it again, ``kgnb report path`` makes a report of it.

        Raises:
            Unavailable: The log cannot be reached.
            Gap: It no longer has all events.
            InvalidValue: The file cannot be written, or is there and no recording.
            WrongThread: This is the loop on which the log is kept.
        """
        from kgnb.runtime import exports  # noqa: PLC0415  # it reads logs of runs

        view, origin = self._exported()
        if origin is None:
            raise Unavailable("to_jsonl(): this result's run is not known here")
        target = Path(path)
        events = origin.events(view.seq, who="to_jsonl()")
        exports.write_trace(target, view.workflow, events, who="to_jsonl()")
        return target

    def to_svg(self, path: str | os.PathLike[str] | None = None) -> str:
        """The graph with its states as SVG; ``path`` is where to write it too.

        Raises:
            Unavailable: There is no picture; the text says why.
        """
        drawn = self._drawn()
        if path is not None:
            Path(path).write_text(drawn, encoding="utf-8", newline="\n")
        return drawn

    def to_png(self, path: str | os.PathLike[str], *, scale: float = 2.0) -> Path:
        """Write the same as PNG, ``scale`` times as large; needs the extra ``png``.

        Raises:
            Unavailable: There is no picture, or the extra is not installed.
            InvalidValue: The scale is not between 0 and 8.
        """
        target = Path(path)
        target.write_bytes(png(self._drawn(), scale))
        return target

    def to_mermaid(self, direction: Direction = "LR") -> str:
        """The graph with its states as Mermaid text; "LR" lies, "TB" stands."""
        return shown_by().mermaid(self._exported()[0], direction)

    def _drawn(self) -> str:
        view, _ = self._exported()
        drawn = shown_by().svg(view)
        if drawn is None:
            raise Unavailable(
                f"run {view.workflow!r} has no picture: it is too large, or "
                "pygraphviz is missing (pip install pygraphviz); to_mermaid() takes any"
            )
        return drawn


def shown_by() -> hooks.Exports:
    """Who makes records.

    Raises:
        Unavailable: kgnb runs without its panel.
    """
    display = hooks.display()
    if not isinstance(display, hooks.Exports):
        raise Unavailable("no display that makes records is installed")
    return display
