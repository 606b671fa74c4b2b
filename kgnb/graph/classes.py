"""Node classes by name, for workflow files."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kgnb.graph.base import PACKAGE
from kgnb.graph.near import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_USUAL_HOMES = ("nodes", "app.nodes", "workflow.nodes")


class ClassFinder:
    """Finds the classes that one file names.

    A name is looked up among the classes given, in the module of the code that called
    kgnb, in ``__main__``, among kgnb's own, in all modules that are loaded, and in the
    modules nodes, app.nodes and workflow.nodes, which are imported. "module:Class" or
    "module.Class" names it exactly, and imports the module: load files of people you
    trust.
    """

    def __init__(self, given: Mapping[str, Any] | None) -> None:
        self._given = given or {}
        self._caller = _caller_globals()

    def find(self, name: str) -> Any:
        """The class.

        Raises:
            LookupError: There is none, or more than one; the text says what to do.
        """
        if is_node_class(self._given.get(name)):
            return self._given[name]
        if ":" in name or "." in name:
            return _exact(name)
        # Ours before other libraries' of the same name: files name ours like that.
        for scope in (self._caller, vars(sys.modules["__main__"]), _own()):
            if is_node_class(scope.get(name)):
                return scope[name]
        found = {id(each): each for each in _loaded(name)}
        if not found:
            found = {id(each): each for each in _usual(name)}
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            paths = sorted(f"{each.__module__}:{name}" for each in found.values())
            raise LookupError(
                f"class {name!r} is ambiguous; write {' or '.join(paths)}"
            )
        known = {*self._given, *_known_names()}
        raise LookupError(
            f"no node class {name!r} in any loaded module{did_you_mean(name, known)}"
        )


def class_name(cls: type) -> str:
    """How a file names a class, so that it is found in another process."""
    is_own = _own().get(cls.__name__) is cls
    if is_own or cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        return cls.__name__
    return f"{cls.__module__}:{cls.__qualname__}"


def _own() -> Mapping[str, Any]:
    return vars(sys.modules["kgnb.graph"])


def is_node_class(thing: Any) -> bool:
    """Whether it makes nodes; nothing else that a file names is ever called."""
    return isinstance(thing, type) and all(
        hasattr(thing, name) for name in ("_run", "set_params", "next")
    )


def _exact(path: str) -> Any:
    module, _, name = path.replace(":", ".").rpartition(".")
    if ":" in path:
        module, _, name = path.partition(":")
    if not all(module.split(".")):
        raise LookupError(f"class {path!r}: expected module:Class, as in nodes:Draft")
    try:
        found: Any = import_module(module)
    except ImportError as error:
        raise LookupError(
            f"class {path!r}: cannot import {module!r}: {error}"
        ) from error
    for part in name.split("."):
        found = getattr(found, part, None)
    if not is_node_class(found):
        raise LookupError(f"class {path!r}: {module!r} has no node class {name!r}")
    return found


def _loaded(name: str) -> Iterator[Any]:
    for module in list(sys.modules.values()):
        # vars, not getattr: a lookup must not make a lazy module load more.
        found = getattr(module, "__dict__", {}).get(name)
        if is_node_class(found):
            yield found


def _usual(name: str) -> Iterator[Any]:
    for home in _USUAL_HOMES:
        try:
            found = getattr(import_module(home), name, None)
        except ModuleNotFoundError:
            continue
        if is_node_class(found):
            yield found


def _known_names() -> set[str]:
    return {
        name
        for module in list(sys.modules.values())
        for name, value in list(getattr(module, "__dict__", {}).items())
        if is_node_class(value)
    }


def _caller_globals() -> Mapping[str, Any]:
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith(PACKAGE):
        frame = frame.f_back
    return {} if frame is None else frame.f_globals
