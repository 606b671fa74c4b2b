"""``Result.show()``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.panel.bundle import final_bundle
from kgnb.panel.shell import kernel_shell
from kgnb.panel.static import record_text
from kgnb.protocol.record import static_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgnb.protocol.view import RunView


def show_result(view: RunView | Mapping[str, Any]) -> None:
    """Display the record in the running cell; in a script, print it."""
    shell = kernel_shell()
    if shell is None:
        print(record_text(static_record(view)))  # noqa: T201  # what was asked for
        return
    data, metadata = final_bundle(view)
    shell.display_pub.publish(data=data, metadata=metadata)
