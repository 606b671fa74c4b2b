"""An application outside Jupyter in Chromium: its own page, ours, and the way in."""

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from harness import REPO, free_port, until
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

TOKEN = "a/token+of=ann"
"""One that could stand in no subprotocol."""
APPLICATION = """
import asyncio
import kgnb
import uvicorn
from fastapi import FastAPI
from kgnb.server.asgi import create_app

class Draft(kgnb.AsyncNode):
    async def prep_async(self, shared):
        return shared["messages"][-1]["content"]
    async def exec_async(self, text):
        async def words():
            for word in f"You asked: {text}. The tide turns at noon.".split(" "):
                await asyncio.sleep(0.01)
                yield word + " "
        return await kgnb.stream(words())
    async def post_async(self, shared, _, text):
        shared["messages"].append({"role": "assistant", "content": text})

class Review(kgnb.Node):
    def exec(self, _):
        return kgnb.ask("Publish the notice?", options=["publish", "revise"]).result()
    def post(self, shared, _, answer):
        shared["decision"] = answer.value

async def verify(token):
    return {"username": "ann", "name": "Ann"} if token == "TOKEN" else None

kgnb.publish("harbour", kgnb.AsyncGraph(Draft()), input="messages")
kgnb.publish("notice", kgnb.Graph(Review()), result="decision")
kgnb_app = create_app(auth=verify)
app = FastAPI(lifespan=kgnb_app.lifespan)
app.mount("/tools/kgnb", kgnb_app)
uvicorn.run(app, host="127.0.0.1", port=8000, **kgnb_app.uvicorn_options)
""".replace("TOKEN", TOKEN)


class Application:
    """``python main.py`` in a folder, on a free port; use with ``with``."""

    def __init__(self, folder, base):
        self.folder = Path(folder)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}{base}"
        main = self.folder / "main.py"
        main.write_text(main.read_text().replace("port=8000", f"port={port}"))

    def __enter__(self):
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "JPY_", "KGNB"))
        }
        home = {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder / "data")}
        with (self.folder / "app.log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "main.py"],
                cwd=self.folder,
                env=environment | home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        until(self._answers, what="the application")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    @property
    def log(self):
        return (self.folder / "app.log").read_text()

    def _answers(self):
        assert self.process.poll() is None, self.log
        try:
            urllib.request.urlopen(f"{self.url}kgnb/health", timeout=5).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The example of the repository, as it stands but for its port."""
    folder = tmp_path_factory.mktemp("example")
    for file in (REPO / "examples" / "fastapi").glob("*.*"):
        shutil.copy(file, folder)
    with Application(folder, "/") as application:
        yield application


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    """An application with users of its own, and kgnb below a path."""
    folder = tmp_path_factory.mktemp("application")
    (folder / "main.py").write_text(APPLICATION)
    with Application(folder, "/tools/") as application:
        yield application


@pytest.fixture
def visit(chromium):
    contexts, errors = [], []

    def visit_(width=1200):
        context = chromium.new_context(viewport={"width": width, "height": 800})
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda line: errors.append(line.text) if line.type == "error" else None,
        )
        return page

    visit_.errors = errors
    yield visit_
    for context in contexts:
        context.close()


def shot(page, name):
    folder = os.environ.get("KGNB_SHOTS")
    if folder:
        page.screenshot(path=f"{folder}/fastapi-{name}.png")


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def is_live(page):
    expect(page.locator(".kgnb-connection").first).to_have_attribute(
        "data-kind", "live"
    )


def test_page_of_the_example_chats_and_answers_an_approval(example, visit):
    page = visit()
    token = re.search(r"\?token=(\w+)", example.log)[1]
    page.goto(f"{example.url}#{token}")
    page.get_by_label("Message").fill("Is it high tide?")
    page.get_by_role("button", name="Send").click()
    said = page.locator("#messages")
    expect(said.locator(".theirs")).to_have_text("You said: Is it high tide?")
    page.get_by_role("button", name="Process five items").click()
    expect(said).to_contain_text("data_processing: 15")
    expect(said).to_contain_text("data_processing: 100 %")
    page.get_by_role("button", name="Ask for an approval").click()
    expect(said).to_contain_text("Approve the release?")
    page.get_by_role("button", name="yes").click()
    expect(said).to_contain_text('approval: "yes"')
    shot(page, "example")
    assert visit.errors == []


def test_page_of_the_example_tells_a_visitor_without_a_token_what_to_do(example, visit):
    page = visit()
    page.goto(example.url)
    expect(page.locator("#messages")).to_contain_text(
        "open the address that main.py printed"
    )


@pytest.mark.parametrize("width", [1200, 360])
def test_signed_out_visitor_gets_to_the_page_by_his_token(application, visit, width):
    page = visit(width)
    addresses = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(f"{application.url}kgnb/chat/harbour")
    expect(page.get_by_role("alert")).to_contain_text("You are not signed in here")
    shot(page, f"signed-out-{width}")
    page.get_by_role("link", name="Sign in").click()
    token = page.get_by_label("Token")
    expect(token).to_be_focused()
    token.fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("opens nothing here")
    shot(page, f"sign-in-wrong-{width}")
    assert fits(page)
    token.fill("ключ")  # which no header can hold
    token.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("opens nothing here")
    token.fill("")
    expect(page.get_by_role("alert")).to_have_count(0)
    shot(page, f"sign-in-{width}")
    token.fill(TOKEN)
    token.press("Enter")
    is_live(page)
    assert page.url == f"{application.url}kgnb/chat/harbour"
    stored = page.evaluate(
        "JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])"
    )
    assert TOKEN not in stored + application.log + " ".join(addresses)
    page.reload()
    is_live(page)


@pytest.mark.parametrize("width", [1200, 360])
def test_three_pages_work_in_an_application(application, visit, width):
    page = visit(width)
    page.goto(f"{application.url}kgnb/login/")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_label("Token").press("Enter")
    is_live(page)
    assert page.url == f"{application.url}kgnb/"

    page.goto(f"{application.url}kgnb/chat/harbour")
    is_live(page)
    box = page.get_by_role("textbox", name="Message", exact=True)
    box.fill("When can I cross?")
    box.press("Enter")
    expect(page.locator(".kgnb-foot[data-status=completed]")).to_have_count(1)
    expect(page.locator("main")).to_contain_text("The tide turns at noon.")
    shot(page, f"chat-{width}")
    assert fits(page)

    started = page.evaluate(
        """async () => (await fetch("../api/runs", {method: "POST",
           body: JSON.stringify({workflow: "notice"})})).json()"""
    )
    page.goto(f"{application.url}kgnb/")
    expect(page.locator("main")).to_contain_text("Publish the notice?")
    shot(page, f"runs-{width}")
    assert fits(page)
    page.goto(f"{application.url}kgnb/runs/{started['run_id']}")
    is_live(page)
    page.get_by_role("button", name="publish").first.click()
    expect(page.locator("main")).to_contain_text("Ann")
    expect(page.locator("main")).to_contain_text("completed", ignore_case=True)
    shot(page, f"run-{width}")
    assert fits(page)
    expected = "the server responded with a status of 401"  # of the way in
    assert [each for each in visit.errors if expected not in each] == []
