"""An async node that blocks the loop is named."""

import asyncio
import time

from kgnb.runtime import run


def test_async_node_that_blocks_the_loop_is_reported():
    async def blocks(_shared):
        time.sleep(1.6)  # what is found out

    async def harmless(_shared):
        await asyncio.sleep(2)

    others = run(harmless)
    handle = run(blocks)
    handle.result(10)
    others.result(10)
    texts = [entry.text for entry in handle.view.logs]
    assert len(texts) == 1
    assert texts[0].startswith("node 'blocks' blocks the loop")
    assert others.view.logs == []
