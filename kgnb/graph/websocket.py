"""The node that talks with its clients while it works."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue, OutsideRun
from kgnb.graph.async_nodes import AsyncNode
from kgnb.graph.context import current_context
from kgnb.graph.spec import label_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.graph.config import Config


class WebSocketNode(AsyncNode):
    """An AsyncNode that sends updates to whoever watches, and waits for their inputs.

        class Approve(WebSocketNode):
            async def exec_async(self, draft):
                await self.send_update("approval_request", {
                    "message": "Publish?", "options": ["yes", "no"], "draft": draft})
                return await self.wait_for_input(timeout=60)

    Whoever watches is the panel, every page and phone, and any WebSocket client.
    ``exec_async`` gets the entry of ``shared`` that is named like its one parameter,
    else ``shared`` itself, unless ``prep_async`` is overridden.

    Args:
        max_retries: See ``Node``.
        wait: See ``Node``.
        node_id: See ``Node``.
        config: See ``Node``.
        client_id: Send plain updates to this client alone; None is everybody.
        mixed: For the constructor of a class mixed in.
    """

    def __init__(
        self,
        max_retries: int | str | None = None,
        wait: float | None = None,
        node_id: str | None = None,
        config: Config | None = None,
        *,
        client_id: str | None = None,
        **mixed: Any,
    ) -> None:
        super().__init__(
            max_retries=max_retries, wait=wait, node_id=node_id, config=config, **mixed
        )
        self.client_id = client_id

    async def prep_async(self, shared: Any) -> Any:
        """Give ``exec_async`` what its parameter is named after."""
        name = _one_parameter(self.exec_async)
        if isinstance(shared, Mapping) and name in shared:
            return shared[name]
        return shared

    async def send_update(
        self,
        type: str,  # noqa: A002 - the documents' word
        data: Any = None,
        client_id: str | None = None,
    ) -> None:
        """Send an event; outside a run it passes silently.

        Args:
            type: ``token``, ``progress``, ``message``, ``result`` and
                ``approval_request`` make the real events; any other name is a custom
                event, but for the names of the run's own life, which are refused.
            data: For an ``approval_request``: ``message`` and ``options``, or
                ``{type: "form", fields: [{name, type, label}]}``, or whatever else
                ``kgnb.ask`` takes; further keys are shown with it. The next
                ``wait_for_input`` gives the answer.
            client_id: The only client that gets it; None is the node's, else
                everybody. Such an update is not in the run's log. An approval is
                always open to everybody who may answer.

        Raises:
            InvalidValue: It cannot be sent so.
            Unanswerable: In CI mode, no script answers the approval.
        """
        context = current_context.get()
        if context is None:
            return
        if client_id is None and type != "approval_request":
            client_id = self.client_id
        await context.send_update(type, data, client_id=client_id)

    async def wait_for_input(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the documents' word; judged by the log
        default: Any = None,
        *,
        prompt: str | None = None,
    ) -> Any:
        """Wait for the answer to an approval that was announced, or else for an input.

        An input comes from the box in the panel, from a client's ``node_input`` or
        ``message``, from ``run.send_input`` or from ``answers=``. One that came before
        the node waited is taken at once. A wait that is cancelled loses nothing: the
        next one goes on with it.

        Args:
            timeout: Seconds; None waits for ever.
            default: What a time-out gives.
            prompt: Shown beside the box, and a key of ``answers=``.

        Returns:
            The option that was chosen, what the form holds, or the ``data`` of a
            ``node_input`` as it came.

        Raises:
            OutsideRun: No run is around this code.
            Unanswerable: In CI mode, no script answers it.
        """
        answer = await self._receive(timeout, default, prompt)
        return answer.value

    async def _receive(
        self,
        seconds: float | None,
        default: Any = None,
        prompt: str | None = None,
        name: str | None = None,
    ) -> Any:
        """Wait for an input; an ``Answer``, which tells a time-out and who sent it."""
        context = current_context.get()
        if context is None:
            raise OutsideRun(
                f"{label_of(self)}.wait_for_input(): nobody can give an input outside "
                f"a run; start the graph with kgnb.run(graph, shared)"
            )
        return await context.wait_for_input(
            seconds, default=default, prompt=prompt, name=name
        )


def _one_parameter(function: Callable[..., Any]) -> str | None:
    """The name of a function's only parameter; None where it has not one."""
    names = list(inspect.signature(function).parameters)
    return names[0] if len(names) == 1 else None


def entry_of(node: WebSocketNode, shared: Any, key: str, meaning: str) -> Any:
    """What a ready node works on.

    Raises:
        InvalidValue: ``shared`` has it not.
    """
    if not isinstance(shared, Mapping) or key not in shared:
        raise InvalidValue(
            f"{label_of(node)}: expected shared[{key!r}], {meaning}; put it there, or "
            f"override prep_async"
        )
    return shared[key]
