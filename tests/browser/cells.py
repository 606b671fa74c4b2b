"""What the test notebooks' cells say."""

GATE = """
import time
import kgnb

class Review(kgnb.Node):
    def exec(self, _):
        question = "Publish this draft?"
        asked = kgnb.ask(question, options=["publish", "revise"], payload="The tides")
        return asked.result()

    def post(self, shared, _, answer):
        shared["answer"] = answer.value

gate = kgnb.Graph(Review(), name="gate")
"""

RUN = "run = kgnb.run(gate, {})"

BLOCKED_IN_RESULT = """
run = kgnb.run(gate, {})
print("answer:", run.result().shared["answer"])
"""

AWAITING = """
run = kgnb.run(gate, {})
print("answer:", (await run).shared["answer"])
"""

ASLEEP = "time.sleep(8)"

BUSY_LOOP = """
end, n = time.time() + 8, 0
while time.time() < end:
    n += 1
"""

SHOW_ANSWER = 'print("answer:", run.result(10).shared["answer"])'

STREAM_THEN_ASK = """
import json, time
import kgnb

class Draft(kgnb.AsyncNode):
    async def exec_async(self, _):
        kgnb.log("writing")
        prompt = "Write one short paragraph about the ocean tides."
        return await kgnb.stream(kgnb.recorded(prompt, speed=20))

    async def post_async(self, shared, _, text):
        shared["draft"] = text

class Review(kgnb.Node):
    def prep(self, shared):
        return shared["draft"]

    def exec(self, draft):
        return kgnb.ask("Publish?", options=["publish", "revise"], payload=draft).result()

    def post(self, shared, _, answer):
        shared["answer"] = answer.value
        return answer.value

class Publish(kgnb.BatchNode):
    def prep(self, shared):
        return ["web", "mail"]

    def exec(self, channel):
        return channel.upper()

draft, review, publish = Draft(), Review(), Publish()
draft >> review
review - "publish" >> publish
review - "revise" >> draft
article = kgnb.Graph(draft, name="article")
"""

SHOW_VIEW = "print('view:', json.dumps(run.view.to_dict()))"

RUN_ARTICLE = "run = kgnb.run(article, {})"

SLOW_STREAM = """
import asyncio
import kgnb

async def words():
    for number in range(100):
        await asyncio.sleep(0.05)
        yield f"word{number} "

class Say(kgnb.AsyncNode):
    async def exec_async(self, _):
        return await kgnb.stream(words())

say = kgnb.Graph(Say(), name="say")
"""

RUN_SAY = "run = kgnb.run(say, {})"

SHOW_TEXT = "print(run.view.streams[0].text)"

MANY_STATES = """
import kgnb

TOPIC = "Write one short paragraph about the ocean tides."

class Draft(kgnb.AsyncNode):
    async def exec_async(self, _):
        return await kgnb.stream(kgnb.recorded(TOPIC, speed=0))

class Score(kgnb.BatchNode):
    def prep(self, shared):
        return ["web", "mail", "phone"]

    def exec(self, channel):
        print("scoring", channel)
        return len(channel)

class Polish(kgnb.AsyncNode):
    async def exec_async(self, _):
        for _ in kgnb.track(range(4)):
            pass
        return await kgnb.stream(kgnb.recorded(TOPIC, speed=0))

class Sign(kgnb.Node):
    def exec(self, _):
        letter = {"title": "Tides", "words": 42, "tags": ["sea", "moon"]}
        options = ["yes", "no"]
        return kgnb.ask("Sign it off?", options=options, payload=letter).result()

    def post(self, shared, _, answer):
        return answer.value

class Send(kgnb.Node):
    def exec(self, _):
        return "sent to three channels"

class Break(kgnb.Node):
    def exec(self, _):
        raise ValueError("the printer is on fire; nobody can read the tide tables")

def letter():
    draft, score, sign = Draft(), Score(), Sign()
    score >> Polish()
    improve = kgnb.AsyncGraph(score, name="Improve")
    draft >> improve >> sign
    sign - "yes" >> Send()
    sign - "no" >> draft
    return kgnb.Graph(draft, name="newsletter")

def broken():
    draft = Draft()
    draft >> Break(max_retries=2) >> Send()
    return kgnb.Graph(draft, name="broken article")
"""
