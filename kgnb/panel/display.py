"""A run's one output in its cell: live while it lives, then the record.

Process: kernel. ``show`` is called on the cell's thread, ``finish`` on any: the
cell's context is kept from the one to the other, so the end lands in the cell
that began the run and not in the one that happens to run just then.
"""

from __future__ import annotations

import contextvars
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgnb.drawing import draw
from kgnb.panel.bundle import Bundle, final_bundle, live_bundle
from kgnb.panel.comparison import comparison_html
from kgnb.panel.painting import flowchart
from kgnb.panel.report import page_html
from kgnb.panel.result import show_result
from kgnb.panel.shell import kernel_shell
from kgnb.panel.static import record_svg
from kgnb.protocol.record import static_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kgnb.drawing.mermaid import Direction
    from kgnb.panel.ports import RunPort
    from kgnb.panel.widget import Panel
    from kgnb.protocol.view import RunView
    from kgnb.runtime.comparing import Comparison
    from kgnb.runtime.comparing.steps import StateSteps


@dataclass(slots=True)
class _Output:
    """An output that waits for its run's end."""

    shell: Any
    context: contextvars.Context
    is_shown: bool
    widget: Panel | None = None


class RunDisplay:
    """Shows runs in the notebook; one object serves the whole kernel.

    Without a kernel (a script, a terminal) and with ``panel=False`` its
    methods do nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outputs: dict[str, _Output] = {}

    def draw(self, graph_spec: Mapping[str, Any]) -> str | None:
        """The picture of a graph; see :func:`kgnb.drawing.draw`."""
        return draw(graph_spec)

    def show(self, run: RunPort) -> None:
        """Make the run's display, on the cell's thread.

        Under comparison (CI) nothing is shown yet: there the one display is
        made at the end. The caller must call :meth:`finish` in either case.
        """
        shell = kernel_shell()
        if shell is None or run.panel is False:
            return
        output = _Output(shell, contextvars.copy_context(), run.display_mode != "ci")
        with self._lock:
            self._outputs[run.id] = output
        if output.is_shown:
            output.widget = _widget(run, shell)
            _publish(shell, run.id, _live(run, output.widget), update=False)

    def finish(self, run: RunPort) -> None:
        """Put the record in the display's place; on any thread, once the run ended.

        Its widget, if it had one, is closed.
        """
        with self._lock:
            output = self._outputs.pop(run.id, None)
        if output is None:
            return
        bundle = final_bundle(
            run.view,
            kernel_id=run.kernel_id,
            compact=run.panel == "compact",
            sign=run.sign,
        )
        output.context.run(
            _publish, output.shell, run.id, bundle, update=output.is_shown
        )
        if output.widget is not None:
            output.widget.close()

    def again(self, view: RunView) -> None:
        """Display the record of a finished run in the running cell."""
        show_result(view)

    def html(
        self, view: RunView, states: StateSteps | None, notes: Sequence[str] = ()
    ) -> str:
        """The report of a run: a page that stands for itself."""
        return page_html(view, states=states, notes=notes)

    def svg(self, view: RunView) -> str | None:
        """The picture with its states, or None where there is none."""
        return record_svg(static_record(view))

    def mermaid(self, view: RunView, direction: Direction) -> str:
        """The same as text for Mermaid."""
        return flowchart(view.to_dict(), direction)

    def comparison(self, comparison: Comparison) -> str:
        """Two runs side by side, as HTML for a cell's output."""
        return comparison_html(comparison)


def _widget(run: RunPort, shell: Any) -> Panel | None:
    """A widget, where the front end may not have our extension to draw the run.

    A kernel whose link is up was started by a server that installed it.
    """
    wants_one = run.panel == "widget"
    may_need_one = run.log_host == "kernel" or "__vsc_ipynb_file__" in shell.user_ns
    if not wants_one and not (may_need_one and run.display_mode == "live"):
        return None
    from kgnb.panel.widget import Panel  # noqa: PLC0415  # loads ipywidgets

    return Panel(run)


def _live(run: RunPort, widget: Panel | None) -> Bundle:
    view = widget.view_bundle() if widget is not None else None
    if view is not None and run.panel == "widget":
        return view, {}  # our JSON beside it would win in Lab
    return live_bundle(run, view)


def _publish(shell: Any, run_id: str, bundle: Bundle, *, update: bool) -> None:
    data, metadata = bundle
    shell.display_pub.publish(
        data=data,
        metadata=metadata,
        transient={"display_id": f"kgnb-{run_id}"},
        update=update,
    )
