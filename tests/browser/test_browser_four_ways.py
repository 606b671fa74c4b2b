"""One question in the panel, on a phone, in Python and in a shell: any of them answers."""

import json
import os
import shutil
import subprocess
import threading
import time
from contextlib import ExitStack, closing, contextmanager

import pytest
from harness import REPO, NotebookPage, until
from playwright.sync_api import expect

import kgnb.clients

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("KGNB_SHOTS")
"""A folder for pictures, for whoever wants to look."""
SLACK = 10.0
"""Seconds; the others are promised the answer within one, on a machine of their own."""

PHONE = {"width": 360, "height": 740}
FOUR = """
import kgnb


class Review(kgnb.Node):
    def exec(self, _):
        asked = ["title", "summary", "picture", "date"]
        return [
            kgnb.ask(f"Is the {each} right?", options=["yes", "no"]).result().value
            for each in asked
        ]


review = Review()
"""
BLOCKED = (
    'print("answers:", kgnb.run(kgnb.Graph(review, name="article")).result().value)'
)


@pytest.fixture(scope="module")
def server(start_jupyter):
    provider = "people_provider.PeopleProvider"
    return start_jupyter(
        env={"PYTHONPATH": str(REPO / "tests" / "server")},
        options=[f"--ServerApp.identity_provider_class={provider}"],
    )


class Watch:
    """Reads events as they come, in a thread; notes who answered, and when."""

    def __init__(self, name, events):
        self.name = name
        self.heard = {}
        self.failed = None
        self.seen = []
        self._events = events
        self._thread = threading.Thread(target=self._read, name=f"watch {name}")
        self._thread.start()

    def _read(self):
        try:
            for event in self._events:
                self.seen.append(event["type"])
                if event["type"] == "approval_resolved":
                    data = event["data"]
                    self.heard[data["approval_id"]] = data["by"]["user"]
        except Exception as error:  # told to the test, which asks
            self.failed = error
        self.seen.append("the end")

    def shows(self, approval_id, who):
        assert self.failed is None, self.failed
        assert who in self.heard.values() or "the end" not in self.seen, self.seen
        return self.heard.get(approval_id) == who

    def join(self):
        self._thread.join(20)


class InPython:
    """``kgnb.clients``, as Linus."""

    who = "Linus"

    def __init__(self, server, run_id):
        self._session = kgnb.clients.connect_blocking(
            server.url, token=server.token + "-linus"
        )
        self._client = self._session.__enter__()
        self.watch = Watch("python", self._client.events(run_id=run_id))

    def answer(self, approval_id, value):
        self._client.answer(approval_id, value)

    def close(self):
        """Also ends the reading, where the run goes on."""
        self._session.__exit__(None, None, None)
        self.watch.join()


class InAShell:
    """curl, as Mary: one that follows the run, and one for each call."""

    who = "Mary"

    def __init__(self, server, run_id):
        self._url = server.url
        self._header = f"Authorization: token {server.token}-mary"
        self._following = subprocess.Popen(
            self._curl("-N", f"kgnb/api/runs/{run_id}/events"),
            stdout=subprocess.PIPE,
            text=True,
        )
        self.watch = Watch("curl", self._events())

    def _curl(self, *arguments):
        *options, path = arguments
        return [shutil.which("curl"), "-sS", "-H", self._header, *options,
                self._url + path]  # fmt: skip

    def _events(self):
        for line in self._following.stdout:
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))

    def answer(self, approval_id, value):
        body = json.dumps({"value": value})
        path = f"kgnb/api/approvals/{approval_id}"
        done = subprocess.run(
            self._curl("-d", body, path), capture_output=True, text=True, check=True
        )
        assert json.loads(done.stdout)["data"]["by"]["user"] == self.who, done.stdout

    def wait_end(self):
        """The server ends the events of a run that has ended."""
        assert self._following.wait(20) == 0

    def close(self):
        self._following.kill()
        self._following.wait(20)
        self.watch.join()
        self._following.stdout.close()


class OnAPage:
    """A panel, in a notebook or on the run's own page."""

    def __init__(self, who, name, panel):
        self.who = who
        self.name = name
        self.panel = panel

    def answer(self, approval_id, value):
        card = self.panel.locator(f"[data-approval='{approval_id}']").first
        card.get_by_role("button", name=value, exact=True).click()

    def shows(self, approval_id, who):
        """What a person sees; the view alone would prove nothing."""
        del approval_id
        return who in self.panel.inner_text()


@contextmanager
def signed_in(chromium, server, name, viewport):
    """A browser of somebody's."""
    context = chromium.new_context(viewport=viewport)
    context.set_default_timeout(20_000)
    context.add_cookies([{"name": "test-user", "value": name, "url": server.url}])
    yield context
    context.close()


def open_question(notebook, number):
    """The id of the question that is open, once it is that one."""
    read = "panels => panels[0]?.kgnb.view.approvals.map(a => [a.approval_id, a.state])"

    def found():
        asked = notebook.panel(1).evaluate_all(read) or []
        return len(asked) == number and asked[-1][1] == "open" and asked[-1][0]

    return until(found, what=f"question {number}")


def shoot(page, name):
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def test_any_of_four_answers_and_the_others_show_who(server, chromium):
    server.write("article.ipynb", FOUR, BLOCKED)
    wide = {"width": 1280, "height": 1000}
    with (
        signed_in(chromium, server, "ada", wide) as desk,
        signed_in(chromium, server, "grace", PHONE) as phone,
        ExitStack() as leaving,
    ):
        notebook = NotebookPage(desk.new_page(), server, "article.ipynb").open()
        notebook.run(0)
        notebook.wait_done(0)
        notebook.run(1)
        open_question(notebook, 1)
        run_id = notebook.panel(1).evaluate("panel => panel.kgnb.view.run_id")
        page = phone.new_page()
        page.goto(f"{server.url}kgnb/runs/{run_id}")
        card = page.locator(".kgnb-card")
        expect(card).to_contain_text("Is the title right?", timeout=20_000)
        shell = leaving.enter_context(closing(InAShell(server, run_id)))
        python = leaving.enter_context(closing(InPython(server, run_id)))
        ways = [
            OnAPage("Ada", "panel", notebook.panel(1)),
            OnAPage("Grace", "page", page.locator(".kgnb").first),
            python,
            shell,
        ]
        shown = [ways[0], ways[1], python.watch, shell.watch]
        took = {}
        for number, way in enumerate(ways, 1):
            approval_id = open_question(notebook, number)
            assert notebook.is_busy(1)
            if number == 3:
                shoot(page, "four-ways-phone")
                shoot(notebook.page, "four-ways-panel")
            way.answer(approval_id, "yes")
            began = time.monotonic()
            for watcher in shown:
                until(
                    lambda w=watcher, i=approval_id, who=way.who: w.shows(i, who),
                    what=f"{watcher.name} to show that {way.who} answered"
                    f" (it saw {getattr(watcher, 'seen', None)})",
                    timeout=SLACK,
                    every=0.01,
                )
            took[way.who] = time.monotonic() - began
        notebook.wait_done(1, timeout=20)
        assert "answers: ['yes', 'yes', 'yes', 'yes']" in notebook.output(1)
        shoot(page, "four-ways-phone-end")
        shell.wait_end()
        width = page.evaluate("() => document.documentElement.scrollWidth")
        assert width <= PHONE["width"], "the page is wider than a phone"
        assert notebook.errors == []
        print({who: round(seconds, 2) for who, seconds in took.items()})
