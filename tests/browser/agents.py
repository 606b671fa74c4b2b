"""Agents for the browser's tests, as code for a cell: their model is scripted."""

from pathlib import Path

ENGINES = Path(__file__).parents[1] / "engines"
"""Where ``scripted_model`` is."""

AGENT = f"""
import json, sys
sys.path.insert(0, {str(ENGINES)!r})
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from scripted_model import ScriptedModel, calls_tool, in_words, thinks
import kgnb

PACE = 0.03

@tool
def tide_table(place: str, day: str) -> str:
    '''High and low water of a place.'''
    return json.dumps({{"place": place, "high": "18:42", "low": "12:20"}})

@tool
def send_report(to: str, subject: str, body: str) -> str:
    '''Send a report.'''
    sent.append((to, subject, body))
    return f"Sent to {{to}}."

sent = []

def say(messages):
    last = messages[-1]
    if last.type == "human":
        return [
            *thinks("The path is dry only near low water. I should read the tide "
                    "table before I promise anything to the harbour."),
            *in_words("Let me look at the tide table. "),
            *calls_tool("tide_table", '{{"place": "Saint-Malo", "day": "today"}}',
                        f"c{{len(messages)}}", pieces=6),
        ]
    if last.name == "tide_table":
        report = {{"to": "harbour@example.org", "subject": "Tide report",
                  "body": "High water at 18:42, low water at 12:20."}}
        return [
            *thinks("Low water is at 12:20. Now the report can go out."),
            *calls_tool("send_report", json.dumps(report), f"c{{len(messages)}}", pieces=12),
        ]
    return in_words(
        f"{{last.text.splitlines()[-1]}} **Low water** in Saint-Malo is at 12:20 today:\\n\\n"
        "- The path is dry until about 14:30.\\n- Turn back at the first post."
    )

def agent():
    return create_agent(
        ScriptedModel(script=say, pace=PACE),
        [tide_table, send_report],
        middleware=[HumanInTheLoopMiddleware(interrupt_on={{
            "send_report": {{"allowed_decisions": ["approve", "edit", "reject"]}}}})],
        checkpointer=InMemorySaver(),
        name="harbour",
    )
"""

RUN_AGENT = """
asked = {"messages": [("user", "When can I walk over? Tell the harbour too.")]}
run = kgnb.run(agent(), asked, session_id="walk")
print("said:", run.result().shared["messages"][-1].content)
print("sent to:", sent[-1][0])
"""

MANY = f"""
import operator, sys, time
sys.path.insert(0, {str(ENGINES)!r})
from typing import Annotated, TypedDict
from langchain.agents import create_agent
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, RetryPolicy, Send
from scripted_model import ScriptedModel, in_words
import kgnb

def writer(name, *texts):
    model = ScriptedModel(script=[[*in_words(text)] for text in texts], pace=0.01)
    return create_agent(model, [], name=name)

class State(MessagesState):
    found: Annotated[list, operator.add]

def supervise(state):
    said = len(state["messages"])
    return Command(goto=["sailor", "cook", "draft", END][said - 1])

flaky = ScriptedModel(script=[
    ["The tide ", "is ", ConnectionError("the model hung up")], in_words("The tide is high.")])

def draft(state):
    return {{"messages": [flaky.invoke("go")]}}

def fan_out(state):
    return [Send("look", {{"place": place}}) for place in ("Brest", "Dinard", "Cancale")]

def look(state):
    model = ScriptedModel(script=[in_words(f"{{state['place']}} is sunny.")], pace=0.02)
    return {{"found": [model.invoke("go").text]}}

builder = StateGraph(State)
builder.add_node("supervisor", supervise, destinations=("sailor", "cook", "draft"))
builder.add_node("sailor", writer("sailor", "Wind from the west."))
builder.add_node("cook", writer("cook", "Soup at noon."))
builder.add_node("draft", draft, retry_policy=RetryPolicy(
    initial_interval=0.01, jitter=False, retry_on=ConnectionError))
builder.add_node("look", look)
builder.add_edge(START, "supervisor")
builder.add_edge("sailor", "supervisor")
builder.add_edge("cook", "supervisor")
builder.add_conditional_edges("draft", fan_out, ["look"])
team = builder.compile(name="team")
"""

RUN_MANY = """
kgnb.run(team, {"messages": [("user", "Shall we sail?")]}).result().shared["found"]
"""
