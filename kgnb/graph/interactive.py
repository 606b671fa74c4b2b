"""Conversations: a graph that runs round after round, and nodes that listen.

Alone, a person types into the terminal. Under ``kgnb.run`` each input is an approval
in the panel, which can be answered while the cell is busy.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from kgnb.errors import GraphError
from kgnb.graph.base import BaseNode
from kgnb.graph.context import current_context
from kgnb.graph.graphs import AsyncGraph, Graph, run_on_loop
from kgnb.graph.spec import label_of
from kgnb.graph.walk import needs_loop

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from kgnb.graph.config import Config
    from kgnb.graph.context import Context
    from kgnb.graph.steps import Watch

EXIT_KEY = "_exit"
EXIT_COMMANDS = frozenset({"exit", "quit", "q"})
_END_OF_INPUT = "/exit"


class InteractiveGraph(Graph):
    """A graph that is run again and again until a node sets ``shared["_exit"]``.

    ``run(shared)`` is one round, ``run_interactive`` the whole conversation. Given to
    ``kgnb.run`` it is the conversation; for other limits than the default ones give
    ``functools.partial(graph.run_interactive, max_iterations=3)``.

    Args:
        start_node: The first node.
        others: The keywords of ``Graph``.
    """

    def __init__(self, start_node: Any = None, **others: Any) -> None:
        super().__init__(start_node, **others)

    def run_interactive(
        self,
        shared: Any = None,
        max_iterations: int | None = None,
        exit_key: str = EXIT_KEY,
        clear_transient: bool = True,
    ) -> Any:
        """Run round after round; actions are not looked at.

        Between two rounds the keys that begin with "_" are deleted; what the last
        round left stays, but for ``exit_key``.

        Args:
            shared: What the nodes share; None makes a dict.
            max_iterations: The most rounds; None sets no limit.
            exit_key: The round that leaves something truthy here is the last one.
            clear_transient: Whether to delete these keys.

        Returns:
            ``shared``.
        """
        shared = {} if shared is None else shared
        for _ in self._rounds(shared, max_iterations, exit_key, clear_transient):
            self.run(shared)
        return shared

    def _rounds(
        self,
        shared: MutableMapping[Any, Any],
        most: int | None,
        exit_key: str,
        clear_transient: bool,
    ) -> Iterator[None]:
        """Yields for each round, and cleans up after it."""
        if self.start_node is None:
            raise GraphError(
                f"{label_of(self)} has no start node, so nothing could ever end its "
                f"rounds; set one by start(node)"
            )
        for _ in itertools.count() if most is None else range(most):
            yield
            if shared.get(exit_key):
                break
            if clear_transient:
                _clear_transient(shared)
        shared.pop(exit_key, None)

    async def _run_whole(self, shared: Any, watch: Watch) -> Any:
        if not needs_loop(self, watch):
            await watch.worker.call(lambda: self.run_interactive(shared))
            return
        for _ in self._rounds(shared, None, EXIT_KEY, clear_transient=True):
            await run_on_loop(self, shared, watch)


class AsyncInteractiveGraph(InteractiveGraph, AsyncGraph):
    """An InteractiveGraph of async and sync nodes."""

    async def run_interactive_async(
        self,
        shared: Any = None,
        max_iterations: int | None = None,
        exit_key: str = EXIT_KEY,
        clear_transient: bool = True,
    ) -> Any:
        """``run_interactive`` on a loop; the last round's "_" keys are deleted too."""
        shared = {} if shared is None else shared
        for _ in self._rounds(shared, max_iterations, exit_key, clear_transient):
            await self.run_async(shared)
        if clear_transient:
            _clear_transient(shared)
        return shared

    async def _run_whole(self, shared: Any, watch: Watch) -> Any:  # noqa: ARG002
        await self.run_interactive_async(shared)


def _clear_transient(shared: MutableMapping[Any, Any]) -> None:
    for key in [key for key in shared if isinstance(key, str) and key.startswith("_")]:
        del shared[key]


class InteractiveNode(BaseNode):
    """A node that can listen to a person and knows commands: "/help me"."""

    def get_user_input(self, prompt: str = "> ") -> str:
        """One line of a person's, stripped. Blocks; not for code on a loop.

        In the terminal Ctrl-C and the end of input are "/exit". Under ``kgnb.run``
        it is an approval of kind "text".
        """
        return input_of_person(prompt)

    def parse_command(self, user_input: str) -> dict[str, Any]:
        """Tell a command from a message.

        Returns:
            For "/name rest" ``type`` "command" with ``command`` "name" and ``args``
            "rest" (a str, "" if there is none); else ``type`` "message" with
            ``content``.
        """
        if not user_input.startswith("/"):
            return {"type": "message", "content": user_input}
        command, rest, *_ = [*user_input[1:].split(maxsplit=1), "", ""]
        return {"type": "command", "command": command, "args": rest}

    def handle_exit_command(self, shared: Any) -> bool:
        """Set ``shared["_exit"]`` if the last input was "/exit", "/quit" or "/q".

        Returns:
            Whether it was.
        """
        parsed = shared.get("_last_parsed_input") or {}
        is_exit = str(parsed.get("command", "")).lower() in EXIT_COMMANDS
        if is_exit:
            shared[EXIT_KEY] = True
        return is_exit


class UserInputNode(InteractiveNode):
    """Asks for one input and tells its kind by its action.

    Action "message" comes with ``shared["user_message"]``, "command" with
    ``last_command`` and ``command_args``; "/exit" sets ``_exit``, its action is None.
    ``shared["_last_parsed_input"]`` holds the parsed input.

    Args:
        prompt: What to ask by; ``shared["_prompt"]`` goes before it.
        node_id: A name of one's own.
        config: Settings; None takes the graph's.
    """

    def __init__(
        self,
        prompt: str = "> ",
        node_id: str = "user_input",
        config: Config | None = None,
    ) -> None:
        super().__init__(node_id=node_id, config=config)
        self.prompt = prompt

    def prep(self, shared: Any) -> Any:
        """The prompt."""
        return shared.get("_prompt", self.prompt)

    def exec(self, prep_res: Any) -> Any:
        """The input."""
        return self.get_user_input(prep_res)

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:  # noqa: ARG002
        """Put down the input and say what it is."""
        parsed = self.parse_command(exec_res)
        shared["_last_parsed_input"] = parsed
        if self.handle_exit_command(shared):
            return None
        if parsed["type"] == "message":
            shared["user_message"] = parsed["content"]
        else:
            shared["last_command"] = parsed["command"]
            shared["command_args"] = parsed["args"]
        return parsed["type"]


def input_of_person(prompt: str = "> ") -> str:
    """See ``InteractiveNode.get_user_input``."""
    context = current_context.get()
    if context is not None:
        return _asked(context, prompt)
    try:
        return input(prompt).strip()
    except (EOFError, KeyboardInterrupt):
        return _END_OF_INPUT


def _asked(context: Context, prompt: str) -> str:
    # A prompt of signs alone, such as "> ", says something in a terminal only.
    is_worded = any(char.isalnum() for char in prompt)
    question = context.ask(
        prompt.strip() if is_worded else "Your input",
        options=None,
        schema=None,
        payload=None,
        kind="text",
        timeout=None,
        on_timeout=UNSET,
        need=1,
        approvers=None,
        veto=None,
        # No name: an approval is one of its visit by name, and a node may ask twice.
        name=None,
    )
    return str(question.result().value).strip()
