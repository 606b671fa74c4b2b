"""Names for the types that pass through a node, for annotations in users' code."""

from __future__ import annotations

from collections.abc import Hashable, MutableMapping
from typing import Any, TypeAlias

T_Shared: TypeAlias = MutableMapping[Any, Any]
"""What all nodes of a run share; passed by reference."""
T_Params: TypeAlias = dict[Any, Any]
"""What ``set_params`` takes."""
T_Action: TypeAlias = Hashable
"""What post returns; None and other falsy values mean "default"."""
T_PrepRes: TypeAlias = Any
"""What prep returns and exec takes."""
T_ExecRes: TypeAlias = Any
"""What exec returns and post takes."""
