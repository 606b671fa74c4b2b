"""A node that checks what goes into its exec and what comes out."""

from __future__ import annotations

from typing import Any

from kgnb.graph.nodes import Node
from kgnb.graph.spec import label_of


class ValidatedNode(Node):
    """A node with validators around its exec.

    ``validate_input(prep_res)`` and ``validate_output(exec_res)`` return the value
    to go on with, which may be another one, or raise. They stand outside the
    retries: what they raise is not tried again and does not come to
    ``exec_fallback``, only to ``on_error``.

    With a batch node the order of the base classes decides: ValidatedNode before it
    sees the whole list, after it each item. The same holds for async nodes.
    """

    def validate_input(self, prep_res: Any) -> Any:
        """Check what prep gave, and return it."""
        return prep_res

    def validate_output(self, exec_res: Any) -> Any:
        """Check what exec gave, and return it."""
        return exec_res

    def _exec(self, prep_res: Any) -> Any:
        return self._checked_output(super()._exec(self._checked_input(prep_res)))

    async def _exec_async(self, prep_res: Any) -> Any:
        exec_res = await super()._exec_async(self._checked_input(prep_res))
        return self._checked_output(exec_res)

    def _checked_input(self, value: Any) -> Any:
        returned = self.validate_input(value)
        return self._not_a_verdict("validate_input", value, returned)

    def _checked_output(self, value: Any) -> Any:
        returned = self.validate_output(value)
        return self._not_a_verdict("validate_output", value, returned)

    def _not_a_verdict(self, validator: str, value: Any, returned: Any) -> Any:
        """Refuse a bool that would take the place of the data."""
        if _is_bool(returned) and not _is_bool(value):
            msg = (
                f"{label_of(self)}.{validator} returned {returned!r} for a "
                f"{type(value).__name__}; a validator returns the value to go on "
                "with, and raises ValueError if it is not valid"
            )
            raise TypeError(msg)
        return returned


def _is_bool(value: Any) -> bool:
    # numpy's is no subclass, and comes out of any comparison of its numbers.
    return type(value).__name__ in ("bool", "bool_")
