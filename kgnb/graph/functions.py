"""``@kgnb.node``: functions as nodes.

    @kgnb.node
    def outline(topic): return f"Three points about {topic}"

    @kgnb.node(max_retries=3, timeout=30)
    async def draft(outline):
        async for token in llm(outline): yield token      # shown as it comes

    @kgnb.node(routes=True)
    def review(draft): return kgnb.ask("Publish?", options=["yes", "no"]).result().value

    outline >> draft >> review
    review - "no" >> draft
    kgnb.run(kgnb.Graph(outline), {"topic": "tides"})

Parameters are read from ``shared`` by name; what is returned is written there, under
the function's own name unless ``writes=`` says otherwise.
"""

from __future__ import annotations

import copyreg
import functools
import importlib
import inspect
import logging
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, Unpack, overload

import msgspec

from kgnb.errors import InvalidValue, MissingKey
from kgnb.graph.async_nodes import AsyncNode
from kgnb.graph.context import current_context
from kgnb.graph.near import did_you_mean
from kgnb.graph.nodes import Node
from kgnb.graph.spec import label_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kgnb.graph.config import Config
    from kgnb.graph.policies import Policies

P = ParamSpec("P")
R = TypeVar("R")

WHOLE = "shared"
"""The parameter that gets the whole of ``shared``."""
BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
"""The kinds of parameters that can be taken from ``shared``."""

Writes = str | tuple[str, ...] | list[str] | None | msgspec.UnsetType


class FunctionNode(Node, Generic[P, R]):
    """A function as a node; made by ``kgnb.node``.

    It can still be called as the function that it was made from, which is also its
    ``function``.
    """

    _else_whole: bool = False
    """Whether a sole parameter that is no key of ``shared`` gets the whole of it."""

    def __init__(
        self,
        function: Callable[P, R],
        *,
        writes: Writes = msgspec.UNSET,
        routes: bool = False,
        node_id: str | None = None,
        **settings: Any,
    ) -> None:
        name: str = getattr(function, "__name__", type(function).__name__)
        self._settings: dict[str, Any] = {}
        super().__init__(node_id=node_id or name, **settings)
        functools.update_wrapper(self, function)
        self.logger = logging.getLogger(name)
        self.function = function
        self.routes = routes
        self.writes: tuple[str, ...] = ()
        self._writes_many = isinstance(writes, tuple | list)
        self._writes_none = writes is not msgspec.UNSET
        if writes is msgspec.UNSET:
            self.writes = () if routes else (name,)
        elif writes is not None:
            self.writes = (writes,) if isinstance(writes, str) else tuple(writes)
        self._parameters = _parameters_of(function, label_of(self))
        self._is_generator = inspect.isgeneratorfunction(
            function
        ) or inspect.isasyncgenfunction(function)
        self._stays_here = WHOLE in self._parameters

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, as if it had not been decorated."""
        return self.function(*args, **kwargs)

    def _call(self, arguments: dict[str, Any]) -> Any:
        function: Callable[..., Any] = self.function
        return function(**arguments)

    def prep(self, shared: Any) -> dict[str, Any]:
        """The function's arguments.

        Each comes from the params that a graph hands down (a batch graph's pass),
        else from ``shared``, else it is left to its default.

        Raises:
            MissingKey: Names the key, and the one that was perhaps meant.
        """
        arguments = {}
        for name, is_needed in self._parameters.items():
            if name == WHOLE:
                arguments[name] = shared
            elif name in self.params:
                arguments[name] = self.params[name]
            elif name in shared:
                arguments[name] = shared[name]
            elif is_needed and self._else_whole and len(self._parameters) == 1:
                arguments[name] = shared
                self._stays_here = True  # of this visit's copy
            elif is_needed:
                raise _missing(self, name, shared)
        return arguments

    def exec(self, prep_res: Any) -> Any:
        """Call the function; what a generator yields is streamed."""
        made = self._call(prep_res)
        if not self._is_generator:
            return made
        context = current_context.get()
        if context is None:
            return "".join(_text(self, chunk) for chunk in made)
        return context.stream(made, name=None).result()

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:  # noqa: ARG002
        """Write what was returned, and give the action where that is asked for."""
        if self._writes_many:
            for key, value in zip(self.writes, self._many(exec_res), strict=True):
                shared[key] = value
        elif self.writes and (exec_res is not None or self._writes_none):
            shared[self.writes[0]] = exec_res
        return self._action(exec_res) if self.routes else None

    def _many(self, exec_res: Any) -> Sequence[Any]:
        if isinstance(exec_res, tuple | list) and len(exec_res) == len(self.writes):
            return exec_res
        raise InvalidValue(
            f"{label_of(self)} writes {', '.join(self.writes)}, so it must return a "
            f"tuple of {len(self.writes)}; got {exec_res!r:.80}"
        )

    def _action(self, exec_res: Any) -> str | None:
        if exec_res is None or isinstance(exec_res, str):
            return exec_res
        raise InvalidValue(
            f"{label_of(self)} routes, so it must return its action, a str or None; "
            f"got {exec_res!r:.80} ({type(exec_res).__name__})"
        )

    def __reduce__(self) -> Any:
        if inspect.ismethod(self.function) or not hasattr(self.function, "__name__"):
            return copyreg.__newobj__, (type(self),), self.__dict__  # type: ignore[attr-defined]  # typeshed leaves it out
        # By pickle's own rule the function would be looked for under its name, where
        # this node is. Not for copies: those are made without it.
        module, name = self.function.__module__, self.function.__qualname__
        state = self.__dict__ | {"function": None, "__wrapped__": None}
        return _found_again, (module, name), state

    def __setstate__(self, state: dict[str, Any]) -> None:
        function = state["function"] or self.function
        self.__dict__.update(state)
        self.function = self.__wrapped__ = function


class AsyncFunctionNode(AsyncNode, FunctionNode[P, R]):
    """A coroutine function, or an async generator, as a node."""

    async def prep_async(self, shared: Any) -> Any:
        """See ``FunctionNode.prep``."""
        return self.prep(shared)

    async def exec_async(self, prep_res: Any) -> Any:
        """See ``FunctionNode.exec``."""
        made = self._call(prep_res)
        if not self._is_generator:
            return await made
        context = current_context.get()
        if context is None:
            return "".join([_text(self, chunk) async for chunk in made])
        return await context.stream(made, name=None)

    async def post_async(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
        """See ``FunctionNode.post``."""
        return self.post(shared, prep_res, exec_res)


@overload
def node(
    function: Callable[P, R],
    /,
    *,
    writes: Writes = ...,
    routes: bool = ...,
    node_id: str | None = ...,
    max_retries: int | None = ...,
    wait: float | None = ...,
    config: Config | None = ...,
    **policies: Unpack[Policies],
) -> FunctionNode[P, R]: ...


@overload
def node(
    *,
    writes: Writes = ...,
    routes: bool = ...,
    node_id: str | None = ...,
    max_retries: int | None = ...,
    wait: float | None = ...,
    config: Config | None = ...,
    **policies: Unpack[Policies],
) -> Callable[[Callable[P, R]], FunctionNode[P, R]]: ...


def node(function: Any = None, /, **settings: Any) -> Any:
    """Make a function a node: ``@kgnb.node`` or ``@kgnb.node(max_retries=3)``.

    The function may be async. What a generator, sync or async, yields are tokens,
    shown as by ``kgnb.stream``; its value is the whole text.

    Its parameters are taken from ``shared`` by name, where a key is missing from
    their defaults; one that is called ``shared`` gets the whole mapping. (In a batch
    graph the pass's params come before ``shared``.)

    Args:
        function: The function; or a node made of one, for another one like it.
        writes: The key of ``shared`` for what it returns, or a tuple of keys for a
            returned tuple; None writes nothing. By default the function's own name,
            unless it returns None.
        routes: Whether the str that it returns is the action; then it is written only
            if ``writes`` says where.
        node_id: The node's name; by default the function's.
        settings: ``max_retries``, ``wait``, ``config`` and the policies of ``Node``.

    Raises:
        TypeError: It is no function, or takes ``*args``, ``**kwargs`` or
            positional-only parameters, which have no names to go by.
    """
    if function is None:
        return functools.partial(node, **settings)
    if isinstance(function, FunctionNode):
        settings = function._settings | settings  # noqa: SLF001 - its maker
        function = function.function
    if not callable(function) or isinstance(function, type):
        msg = f"@kgnb.node goes before a function, got {function!r:.80}"
        raise TypeError(msg)
    is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(
        function
    )
    made = (AsyncFunctionNode if is_async else FunctionNode)(function, **settings)
    made._settings = settings  # noqa: SLF001 - its maker
    return made


def _parameters_of(function: Callable[..., Any], label: str) -> dict[str, bool]:
    """The names of the parameters, and whether each one is needed."""
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in BY_NAME:
            msg = (
                f"@kgnb.node: {label} takes {parameter}, but a node's arguments are "
                f"read from shared by name; name them, or take shared itself"
            )
            raise TypeError(msg)
        found[name] = parameter.default is inspect.Parameter.empty
    return found


def _missing(node: FunctionNode[..., Any], name: str, shared: Any) -> MissingKey:
    label = label_of(node)
    there = ", ".join(repr(key) for key in shared) or "nothing"
    hint = did_you_mean(name, shared) or f" ({there:.200} is)"
    return MissingKey(
        f"{label} takes {name!r}, which is not in shared{hint}",
        node=label,
        key=name,
    )


def _text(node: FunctionNode[..., Any], chunk: Any) -> str:
    if isinstance(chunk, str):
        return chunk
    msg = (
        f"{label_of(node)} yielded a {type(chunk).__name__}; outside kgnb.run only "
        f"str can be joined"
    )
    raise TypeError(msg)


def _found_again(module: str, name: str) -> FunctionNode[..., Any]:
    """A node of the function that another process made a node of."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)  # AttributeError: as for any pickled function
    return node(found)
