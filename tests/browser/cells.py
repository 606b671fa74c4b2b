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
