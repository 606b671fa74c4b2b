"""``Result.show()`` and ``Result.to_html(path)``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgnb.drawing.text import escape, label
from kgnb.panel.bundle import final_bundle, final_metadata
from kgnb.panel.shell import kernel_shell
from kgnb.panel.static import record_html, record_text
from kgnb.protocol.record import static_record
from kgnb.protocol.view import RunView

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root{{color-scheme:light dark}}
body{{margin:0 auto;max-width:72rem;padding:12px 16px}}
@media (prefers-color-scheme:dark){{
:root{{--jp-layout-color1:#0d1117;--jp-content-font-color1:#e6edf3;
--jp-content-font-color2:#9198a1;--jp-border-color1:#3d444d;
--jp-success-color1:#3fb950;--jp-error-color1:#f85149;
--jp-warn-color1:#d29922;--jp-brand-color1:#4493f8}}
body{{background:#0d1117}}}}
</style>
</head>
<body><main>{record}</main></body>
</html>
"""


def show_result(view: RunView | Mapping[str, Any]) -> None:
    """Display the record in the running cell; in a script, print it."""
    shell = kernel_shell()
    if shell is None:
        print(record_text(static_record(view)))  # noqa: T201  # what was asked for
        return
    data, metadata = final_bundle(view)
    shell.display_pub.publish(data=data, metadata=metadata)


def page_html(view: RunView | Mapping[str, Any], *, sign: bool = False) -> str:
    """The record as a page of its own, that loads nothing and runs nothing.

    Its picture can be looked at as it was at each step of the run.

    Args:
        view: The run's last view.
        sign: Whether the page names the run, when it was, and who answered.
    """
    record = static_record(view)
    plain = view.to_dict() if isinstance(view, RunView) else view
    signature = final_metadata(view) if sign else None
    return _PAGE.format(
        title=escape(label(record["workflow"]) or "run"),
        record=record_html(record, signature=signature, view=plain),
    )


def write_html(
    view: RunView | Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    sign: bool = False,
) -> None:
    """Write :func:`page_html` to a file, in UTF-8."""
    Path(path).write_text(page_html(view, sign=sign), encoding="utf-8", newline="\n")
