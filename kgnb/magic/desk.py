"""The magic's words, and what they do."""

from __future__ import annotations

import time
import webbrowser
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from kgnb.errors import KgnbError
from kgnb.magic import kernel, server
from kgnb.magic.rows import Numbers, Question, RunRow, shown, table
from kgnb.runtime import process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HELP = """\
%kgnb                        runs of this kernel, and what they ask
%kgnb answer N VALUE         answer the question N; VALUE is an option, JSON or text
%kgnb answer N VALUE --reason TEXT
%kgnb open [N]               the address of run N's page; without N, of all runs
%kgnb resume N               end run N's pause; of a lost run, say how it goes on
%kgnb help                   this text

N is a number that %kgnb lists, or an id or its beginning, of a run also its name.
Where Jupyter with kgnb started the kernel, its other kernels' runs are listed, too."""

MOST = 20
"""Rows of a table, the newest."""
WAIT = 5.0
"""Seconds that a question has to be asked, when an answer comes before it."""
_TICK = 0.05
_REASON = " --reason "

Row = TypeVar("Row", RunRow, Question)


def register(shell: Any) -> None:
    """Give a shell of IPython the magic."""
    from IPython.core.magic import no_var_expand  # noqa: PLC0415  # we are in IPython

    desk = Desk()

    def kgnb(line: str) -> None:
        desk.do(line)

    kgnb.__doc__ = HELP
    # Else IPython would take the braces of a JSON value for a name to fill in.
    shell.register_magic_function(no_var_expand(kgnb), "line", "kgnb")


class Desk:
    """One shell's: it remembers which number means what. Belongs to the cells' thread.

    Args:
        clock: In seconds.
        sleep: Waits so many.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._runs = Numbers()
        self._questions = Numbers()

    def do(self, line: str) -> None:
        """Carry out what stands after ``%kgnb``.

        Raises:
            UsageError: It makes no sense, or was refused; IPython prints it in a line.
        """
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        try:
            match word:
                case "" | "list" | "runs":
                    self._list()
                case "answer":
                    self._answer(rest)
                case "open":
                    self._open(rest)
                case "resume":
                    self._resume(rest)
                case "help":
                    print(HELP)  # noqa: T201  # a magic's output is its cell's
                case _:
                    _refuse(f"%kgnb {word}: there is no such word. It knows:\n{HELP}")
        except KgnbError as error:
            _refuse(f"%kgnb {word}: {error}")

    # What there is.

    def _rows(self) -> tuple[list[RunRow], list[RunRow], str]:
        """This kernel's runs, those of others, and why these are not known."""
        own = kernel.runs()
        mine = {row.run_id for row in own}
        try:
            site = server.site()
            others = [] if site is None else site.runs()
        except KgnbError as error:  # under JupyterHub, say, it knows no such token
            return own, [], f"the server's other runs are not shown: {error}"
        return own, [row for row in others if row.run_id not in mine], ""

    def _asked(self) -> list[Question]:
        """What is open, here and elsewhere; each has its number from now on."""
        own = kernel.questions()
        mine = {question.approval_id for question in own}
        try:
            site = server.site()
            others = [] if site is None else site.questions()
        except KgnbError:  # the table of runs says it
            others = []
        found = [*own, *(each for each in others if each.approval_id not in mine)]
        for question in found:
            self._questions.of(question.approval_id)
        return found

    def _list(self) -> None:
        own, others, problem = self._rows()
        asked = self._asked()
        parts = []
        if own:
            parts.append("runs of this kernel\n" + self._table_of(own))
        else:
            parts.append("no runs in this kernel yet: kgnb.run(graph) starts one")
        if others:
            parts.append("runs of other kernels\n" + self._table_of(others))
        if asked:
            parts.append("open questions\n" + self._table_of_questions(asked))
        if problem:
            parts.append(problem)
        print("\n\n".join(parts))  # noqa: T201  # a magic's output is its cell's

    def _table_of(self, rows: Sequence[RunRow]) -> str:
        numbered = [(self._runs.of(row.run_id), row) for row in rows]
        told = [
            (number, row.workflow, _state(row), " ".join(row.at))
            for number, row in numbered[-MOST:]
        ]
        left = len(numbered) - len(told)
        more = f"\n({left} earlier ones are not shown)" if left else ""
        return table(("#", "run", "status", "at"), told) + more

    def _table_of_questions(self, asked: Sequence[Question]) -> str:
        told = [
            (
                self._questions.of(each.approval_id),
                each.workflow,
                each.message,
                " | ".join(map(shown, each.options or ())),
            )
            for each in asked[:MOST]
        ]
        left = len(asked) - len(told)
        more = f"\n({left} later ones are not shown)" if left else ""
        return table(("#", "run", "question", "options"), told) + more

    # What can be done.

    def _answer(self, rest: str) -> None:
        name, _, text = rest.partition(" ")
        text, _, reason = text.strip().partition(_REASON)
        if not text:
            _refuse("%kgnb answer: expected a question and a value: %kgnb answer 1 yes")
        question = self._awaited(name)
        value = question.value_of(text.strip())
        question.answer(value, reason.strip() or None)
        # A magic's output is its cell's.
        print(f"answered: {shown(question.message)} {shown(value)}")  # noqa: T201

    def _awaited(self, name: str) -> Question:
        """A question; its run may just be about to ask it."""
        until = self._clock() + WAIT
        while True:
            found = [each for each in self._asked() if self._is_asked(each, name)]
            may_come = name.isdecimal() and kernel.is_busy()
            if not found and may_come and self._clock() < until:
                self._sleep(_TICK)
                continue
            return _the_one(found, f"%kgnb answer {name}: no open question of that")

    def _is_asked(self, question: Question, name: str) -> bool:
        number = self._questions.of(question.approval_id)
        return _means(name, number, question.approval_id)

    def _open(self, name: str) -> None:
        if name:
            row = self._run("open", name)
            url = row.url
        else:
            own, others, _ = self._rows()
            urls = [row.url for row in (*own, *others) if row.url]
            url = urls[0].rpartition("runs/")[0] if urls else None
        if url is None:
            _refuse(
                "%kgnb open: there is no page, since no server keeps the runs of this "
                "process: start it as a kernel of a Jupyter that has kgnb (kgnb doctor "
                "says what is missing), or serve them with kgnb serve"
            )
        print(url)  # noqa: T201  # a magic's output is its cell's
        if process.kernel() is None:
            webbrowser.open_new_tab(url)  # a kernel's machine may have no browser

    def _resume(self, name: str) -> None:
        row = self._run("resume", name)
        if row.status == "paused" and row.resume is not None:
            row.resume()
            told = f"resumed: {shown(row.workflow)}"
        elif row.resumable:
            told = (
                f"{shown(row.workflow)} is lost, and goes on where it was if you run "
                f"its cell again, or\n"
                f'    kgnb.run(graph, durable=True, resume="{row.run_id}")'
            )
        else:
            _refuse(
                f"%kgnb resume: {shown(row.workflow)} is {row.status}: only a run that "
                f"is paused, or was started with durable=True and is lost, can go on"
            )
        print(told)  # noqa: T201  # a magic's output is its cell's

    def _run(self, word: str, name: str) -> RunRow:
        own, others, _ = self._rows()
        rows = [*own, *others]
        numbers = [self._runs.of(row.run_id) for row in rows]
        found = [
            row
            for number, row in zip(numbers, rows, strict=True)
            if _means(name, number, row.run_id) or name == row.workflow
        ]
        return _the_one(found, f"%kgnb {word} {name}: no run of that")


def _state(row: RunRow) -> str:
    return "lost, can be resumed" if row.resumable else row.status


def _means(name: str, number: int, id_: str) -> bool:
    """Whether what somebody typed names it."""
    return (
        name == str(number) if name.isdecimal() else bool(name) and id_.startswith(name)
    )


def _the_one(found: list[Row], missing: str) -> Row:
    if not found:
        _refuse(f"{missing} number, id or name; %kgnb lists them")
    if len(found) > 1:
        _refuse(
            f"{missing.partition(':')[0]}: {len(found)} are called so; take a number"
        )
    return found[0]


def _refuse(text: str) -> NoReturn:
    from IPython.core.error import UsageError  # noqa: PLC0415  # we are in IPython

    raise UsageError(text)
