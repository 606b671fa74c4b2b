"""A question in a terminal, where no panel is."""

import os
import pty
import select
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from kgnb.runtime import prompting


class Terminal:
    """A Python script with a terminal of its own."""

    def __init__(self, code):
        self.ours, theirs = pty.openpty()
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def read_until(self, text, seconds=20):
        until = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < until, self.text
            if select.select([self.ours], [], [], 0.1)[0]:
                self.text += os.read(self.ours, 4096).decode()

    def type(self, line):
        os.write(self.ours, line.encode() + b"\n")

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.fixture
def terminal():
    opened = []

    def start(code):
        opened.append(Terminal(code))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_question_is_asked_in_the_terminal_until_the_answer_fits(terminal):
    shell = terminal(
        """
        import kgnb
        def review():
            return kgnb.ask("Publish?", options=["yes", "no"], payload="text").result().value
        print("value:", kgnb.run(review).result().value)
        """
    )
    shell.read_until("Publish? ")
    assert "1  yes" in shell.text
    shell.type("maybe")
    shell.read_until("expected one of 'yes', 'no'")
    shell.read_until("Publish?")
    shell.type("2")
    shell.read_until("value: no")


def test_answer_from_elsewhere_takes_the_question_back(terminal):
    shell = terminal(
        """
        import time, kgnb
        run = kgnb.run(lambda: kgnb.ask("Go?").result().value)
        time.sleep(1.5)
        run.answer(run.approvals[0].approval_id, "from elsewhere")
        print("value:", run.result().value)
        """
    )
    shell.read_until("Go? ")
    shell.read_until("value: from elsewhere")


def test_question_that_breaks_off_leaves_the_terminal_to_the_next(monkeypatch, caplog):
    asked = []

    def ask(execution, question):
        asked.append(question.data.message)
        if question.data.message == "first":
            raise UnicodeError
        return True

    monkeypatch.setattr(prompting, "_ask", ask)
    terminal = prompting._Terminal()
    for message in ("first", "second"):
        data = SimpleNamespace(message=message)
        terminal.offer(None, SimpleNamespace(future=Future(), data=data))
        for thread in threading.enumerate():
            if thread.name == "kgnb-prompt":
                thread.join(20)
    assert asked == ["first", "second"]
    assert "ask('first') broke off in the terminal" in caplog.text
