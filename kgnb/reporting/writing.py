"""The forms in which a run is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.drawing import png
from kgnb.errors import Unavailable
from kgnb.panel.painting import flowchart
from kgnb.panel.report import page_html
from kgnb.panel.static import record_svg
from kgnb.protocol.record import static_record
from kgnb.runtime.cassette.format import header_line
from kgnb.runtime.exports import trace_lines, write_trace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kgnb.protocol.view import RunView
    from kgnb.reporting.sources import Source


def write(form: str, source: Source, path: Path) -> None:
    """Write a run to a file.

    Raises:
        KgnbError: It cannot be read, or has no such form.
        OSError: The file cannot be written.
    """
    if form == "jsonl":
        events = source.events()
        write_trace(path, events[0].workflow, events, who="kgnb report")
    else:
        path.write_bytes(b"".join(content(form, source)))


def content(form: str, source: Source) -> Iterable[bytes]:
    """What is written, in pieces.

    Raises:
        KgnbError: The run cannot be read, or has no such form.
    """
    if form == "jsonl":
        events = source.events()
        return [header_line(events[0].workflow), *trace_lines(events)]
    view = source.view()
    if form == "html":
        return [page_html(view, states=source.states(view)).encode()]
    if form == "mermaid":
        return [flowchart(view.to_dict()).encode()]
    drawn = _drawn(view)
    return [png(drawn) if form == "png" else drawn.encode()]


def _drawn(view: RunView) -> str:
    drawn = record_svg(static_record(view))
    if drawn is None:
        raise Unavailable(
            "the run has no picture: its kernel could draw none; --format mermaid "
            "takes any graph"
        )
    return drawn
