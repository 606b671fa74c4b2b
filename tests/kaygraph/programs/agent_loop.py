"""An agent: thinks, acts with a tool, looks at the outcome, and thinks again."""

import asyncio

import kgnb.graph as kaygraph


async def model(messages):
    """Stands for a language model: decides by what it has been told so far."""
    facts = [m["content"] for m in messages if m["role"] == "tool"]
    if not facts:
        return {"tool": "search", "input": messages[0]["content"]}
    if len(facts) == 1:
        return {"tool": "count", "input": facts[0]}
    return {"answer": f"{facts[0]} has {facts[1]} letters"}


async def search(query):
    return query.removeprefix("How long is ").rstrip("?")


def count(text):
    return sum(letter.isalpha() for letter in text)


class Think(kaygraph.AsyncNode):
    async def prep_async(self, shared):
        return list(shared["messages"])

    async def exec_async(self, messages):
        return await model(messages)

    async def post_async(self, shared, prep_res, decision):
        shared["decision"] = decision
        return "answer" if "answer" in decision else decision["tool"]


class Search(kaygraph.AsyncNode):
    async def prep_async(self, shared):
        return shared["decision"]["input"]

    async def exec_async(self, query):
        await asyncio.sleep(0)
        return await search(query)

    async def post_async(self, shared, prep_res, exec_res):
        shared["messages"].append({"role": "tool", "content": exec_res})
        return "think"


class Count(kaygraph.Node):
    """A sync tool among async nodes."""

    def prep(self, shared):
        return shared["decision"]["input"]

    def exec(self, text):
        return count(text)

    def post(self, shared, prep_res, exec_res):
        shared["messages"].append({"role": "tool", "content": exec_res})
        return "think"


class Answer(kaygraph.AsyncNode):
    async def post_async(self, shared, prep_res, exec_res):
        shared["answer"] = shared["decision"]["answer"]
        return "answered"


def build():
    think, search_, count_ = Think(node_id="think"), Search(), Count()
    think - "search" >> search_
    think - "count" >> count_
    think - "answer" >> Answer()
    search_ - "think" >> think
    count_ - "think" >> think
    return kaygraph.AsyncGraph(think)


def main():
    shared = {"messages": [{"role": "user", "content": "How long is neap tide?"}]}
    print(asyncio.run(build().run_async(shared)), shared["answer"])


if __name__ == "__main__":
    main()
