"""Fetch many pages at the same time, in threads, and in one loop."""

import asyncio
import threading
import time

import kgnb.graph as kaygraph


class FetchInThreads(kaygraph.ParallelBatchNode):
    def prep(self, shared):
        return shared["urls"]

    def exec(self, url):
        time.sleep(0.01)
        return url.upper(), threading.get_ident()

    def post(self, shared, prep_res, exec_res):
        shared["pages"] = [page for page, _ in exec_res]
        shared["threads"] = len({thread for _, thread in exec_res})


class FetchInLoop(kaygraph.AsyncParallelBatchNode):
    async def prep_async(self, shared):
        return shared["urls"]

    async def exec_async(self, url):
        await asyncio.sleep(0.01)
        return len(url)

    async def post_async(self, shared, prep_res, exec_res):
        shared["lengths"] = exec_res
        return "fetched"


def build():
    threads = FetchInThreads(max_workers=4)
    loop = FetchInLoop()
    threads >> loop
    return kaygraph.AsyncGraph(start=threads)


def main():
    shared = {"urls": [f"page-{number}" for number in range(12)]}
    action = asyncio.run(build().run_async(shared))
    print(action, shared["pages"], shared["lengths"], shared["threads"] > 1)


if __name__ == "__main__":
    main()
