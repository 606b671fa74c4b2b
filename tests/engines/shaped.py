"""Classes with KayGraph's attributes and rules, written for these tests.

They know nothing of kgnb, so what runs them must know them by their shape.
"""

import asyncio
import copy
import json
import time
import warnings
from concurrent.futures import ThreadPoolExecutor


class Config(dict):
    pass


class BaseNode:
    def __init__(self, node_id=None, config=None):
        self.node_id = node_id or f"{type(self).__name__}_{id(self)}"
        self.config = config or Config()
        self.params, self.successors = {}, {}
        self._execution_context = {}

    def set_params(self, params):
        self.params = dict(params)

    def next(self, node, action="default"):
        self.successors[action] = node
        return node

    def __rshift__(self, node):
        return self.next(node)

    def __sub__(self, action):
        return Arrow(self, action)

    def before_prep(self, shared):
        pass

    def prep(self, shared):
        pass

    def exec(self, prep_res):
        pass

    def after_exec(self, shared, prep_res, exec_res):
        pass

    def post(self, shared, prep_res, exec_res):
        pass

    def on_error(self, shared, exc):
        return False

    def _exec(self, prep_res):
        return self.exec(prep_res)

    def _run(self, shared):
        try:
            self.before_prep(shared)
            prep_res = self.prep(shared)
            exec_res = self._exec(prep_res)
            self.after_exec(shared, prep_res, exec_res)
            return self.post(shared, prep_res, exec_res)
        except Exception as error:
            if not self.on_error(shared, error):
                raise
            return None

    def run(self, shared):
        if self.successors:
            warnings.warn("node won't run its successors", stacklevel=2)
        return self._run(shared)


class Arrow:
    def __init__(self, source, action):
        self.source, self.action = source, action

    def __rshift__(self, node):
        return self.source.next(node, self.action)


class Node(BaseNode):
    def __init__(self, max_retries=1, wait=0, node_id=None, config=None):
        super().__init__(node_id, config)
        self.max_retries, self.wait, self.cur_retry = max_retries, wait, 0

    def exec_fallback(self, prep_res, exc):
        raise exc

    def _exec(self, prep_res):
        for number in range(self.max_retries):
            self.cur_retry = number
            try:
                return self.exec(prep_res)
            except Exception as error:
                if self.cur_retry == self.max_retries - 1:
                    return self.exec_fallback(prep_res, error)
                if self.wait > 0:
                    time.sleep(self.wait)
        raise RuntimeError("never tried")


class BatchNode(Node):
    def _exec(self, prep_res):
        return [Node._exec(self, item) for item in prep_res or []]


class ParallelBatchNode(BatchNode):
    def _exec(self, prep_res):
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(self.own_exec, prep_res))

    def own_exec(self, item):
        # With a counter of its own, unlike the library's.
        for left in reversed(range(self.max_retries)):
            try:
                return self.exec(item)
            except Exception as error:
                if not left:
                    return self.exec_fallback(item, error)
        raise RuntimeError("never tried")


class AsyncNode(Node):
    async def prep_async(self, shared):
        pass

    async def exec_async(self, prep_res):
        pass

    async def exec_fallback_async(self, prep_res, exc):
        raise exc

    async def post_async(self, shared, prep_res, exec_res):
        pass

    async def _exec_async(self, prep_res):
        for number in range(1, self.max_retries + 1):
            try:
                return await self.exec_async(prep_res)
            except Exception as error:
                if number == self.max_retries:
                    return await self.exec_fallback_async(prep_res, error)
                await asyncio.sleep(self.wait)
        raise RuntimeError("never tried")

    async def _run_async(self, shared):
        prep_res = await self.prep_async(shared)
        exec_res = await self._exec_async(prep_res)
        return await self.post_async(shared, prep_res, exec_res)

    async def run_async(self, shared):
        return await self._run_async(shared)

    def _run(self, shared):
        raise RuntimeError("use run_async")


class AsyncParallelBatchNode(AsyncNode, BatchNode):
    async def _exec_async(self, prep_res):
        one = AsyncNode._exec_async
        return await asyncio.gather(*(one(self, item) for item in prep_res))


class Graph(BaseNode):
    def __init__(self, start=None, config=None):
        super().__init__(config=config)
        self.start_node = start

    def get_next_node(self, curr, action):
        following = curr.successors.get(action or "default")
        if following is None and curr.successors:
            wired = list(curr.successors)
            warnings.warn(f"Graph ends: '{action}' not found in {wired}", stacklevel=2)
        return following

    def _handed(self, node, params):
        node = copy.copy(node)
        if self.config and not node.config:
            node.config = self.config
        node.set_params(params or dict(self.params))
        return node

    def _orch(self, shared, params=None):
        current, action = self.start_node, None
        while current is not None:
            node = self._handed(current, params)
            action = node._run(shared)
            current = self.get_next_node(node, action)
        return action

    def _run(self, shared):
        prep_res = self.prep(shared)
        return self.post(shared, prep_res, self._orch(shared))

    def post(self, shared, prep_res, exec_res):
        return exec_res


class BatchGraph(Graph):
    def _run(self, shared):
        prep_res = self.prep(shared)
        for params in prep_res:
            self._orch(shared, {**self.params, **params})
        return self.post(shared, prep_res, None)


class AsyncGraph(Graph, AsyncNode):
    async def _orch_async(self, shared, params=None):
        current, action = self.start_node, None
        while current is not None:
            node = self._handed(current, params)
            if isinstance(node, AsyncNode):
                action = await node._run_async(shared)
            else:
                action = node._run(shared)
            current = self.get_next_node(node, action)
        return action

    async def _run_async(self, shared):
        prep_res = await self.prep_async(shared)
        action = await self._orch_async(shared)
        return await self.post_async(shared, prep_res, action)

    async def post_async(self, shared, prep_res, exec_res):
        return exec_res


class AsyncParallelBatchGraph(AsyncGraph, BatchGraph):
    async def _run_async(self, shared):
        prep_res = await self.prep_async(shared)
        passes = [self._orch_async(shared, {**self.params, **p}) for p in prep_res]
        await asyncio.gather(*passes)
        return await self.post_async(shared, prep_res, None)


class SubGraphNode(BaseNode):
    def __init__(self, graph, node_id=None):
        super().__init__(node_id)
        self.subgraph = graph

    def prep(self, shared):
        return copy.deepcopy(shared)

    def exec(self, prep_res):
        self.subgraph.run(prep_res)
        return prep_res

    def post(self, shared, prep_res, exec_res):
        shared.update(exec_res)


class ParallelSubGraphNode(BaseNode):
    def __init__(self, graphs, node_id=None):
        super().__init__(node_id)
        self.graphs = graphs

    def prep(self, shared):
        return [copy.deepcopy(shared) for _ in self.graphs]

    def exec(self, prep_res):
        for graph, data in zip(self.graphs, prep_res, strict=True):
            graph.run(data)
        return prep_res

    def post(self, shared, prep_res, exec_res):
        for data in exec_res:
            shared.update(data)


class InteractiveNode(BaseNode):
    def get_user_input(self, prompt="> "):
        return input(prompt).strip()


class UserInputNode(InteractiveNode):
    def __init__(self, prompt="> ", node_id="user_input"):
        super().__init__(node_id)
        self.prompt = prompt

    def prep(self, shared):
        return shared.get("_prompt", self.prompt)

    def exec(self, prep_res):
        return self.get_user_input(prep_res)

    def post(self, shared, prep_res, exec_res):
        if exec_res == "/exit":
            shared["_exit"] = True
            return None
        shared["user_message"] = exec_res
        return "message"


class InteractiveGraph(Graph):
    def run_interactive(self, shared=None, max_iterations=None, exit_key="_exit"):
        shared = shared or {}
        rounds = 0
        while max_iterations is None or rounds < max_iterations:
            rounds += 1
            self.run(shared)
            if shared.get(exit_key):
                break
        shared.pop(exit_key, None)
        return shared


class AsyncInteractiveGraph(InteractiveGraph, AsyncGraph):
    async def run_interactive_async(self, shared=None, max_iterations=None):
        shared = shared or {}
        while not shared.get("_exit"):
            await self.run_async(shared)
        return shared


class PersistentGraph(Graph):
    def __init__(self, start_node=None, checkpoint_dir=None):
        super().__init__(start_node)
        self.checkpoint_dir = checkpoint_dir
        self.saved = 0

    def save_checkpoint(self, shared, node_id):
        self.saved += 1
        path = self.checkpoint_dir / f"checkpoint_{self.saved:06}.json"
        path.write_text(json.dumps({"node_id": node_id, "shared": shared}))

    def run(self, shared):
        return self._from(self.start_node, shared)

    def resume_and_run(self):
        path = max(self.checkpoint_dir.iterdir())
        left = json.loads(path.read_text())
        return self._from(self._find_node_by_id(left["node_id"]), left["shared"])

    def _find_node_by_id(self, node_id):
        node = self.start_node
        while node.node_id != node_id:
            node = node.successors["default"]
        return node

    def _from(self, current, shared):
        while current is not None:
            self.save_checkpoint(shared, current.node_id)
            current = self.get_next_node(current, current._run(shared))
        return shared
