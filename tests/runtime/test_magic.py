"""``%kgnb`` at IPython's prompt, without a server."""

import threading

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import kgnb
from kgnb.errors import Forbidden, Unavailable
from kgnb.magic import HELP, register
from kgnb.magic.rows import Numbers, Question, table


class Review(kgnb.Node):
    def exec(self, _):
        return kgnb.ask("Publish it?", options=["publish", "drop"]).result().value


@pytest.fixture
def do(capsys):
    """Runs the magic in a shell; gives what it prints."""
    quiet = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell(config=quiet)
    register(shell)

    def run(line=""):
        shell.run_line_magic("kgnb", line)
        return capsys.readouterr().out

    run.shell = shell
    return run


@pytest.fixture
def run(eventually):
    run = kgnb.run(kgnb.Graph(Review(), name="article"))
    eventually(lambda: run.approvals)
    return run


def test_magic_without_runs_says_how_to_start_one(do):
    assert do() == "no runs in this kernel yet: kgnb.run(graph) starts one\n"


def test_magic_lists_runs_and_what_they_ask(do, run):
    assert do() == (
        "runs of this kernel\n"
        "#  run      status   at\n"
        "1  article  waiting  Review\n"
        "\n"
        "open questions\n"
        "#  run      question     options\n"
        "1  article  Publish it?  publish | drop\n"
    )


def test_magic_answers_by_number_with_a_reason(do, run):
    told = do("answer 1 publish --reason It is good")
    assert told == "answered: Publish it? publish\n"
    run.result(10)
    (approval,) = run.approvals
    assert (approval.value, approval.reason) == ("publish", "It is good")
    assert "open questions" not in do()


def test_magic_answers_by_the_beginning_of_an_id(do, run):
    name = "x" + run.approvals[0].approval_id
    with pytest.raises(UsageError, match="no open question of that"):
        do(f"answer {name} publish")
    do(f"answer {run.approvals[0].approval_id} drop")
    assert run.result(10).approvals[0].value == "drop"


def test_magic_answer_that_comes_before_its_question_waits_for_it(do):
    class Ask(kgnb.Node):
        def prep(self, shared):
            return shared["gate"]

        def exec(self, gate):
            gate.wait(20)
            return kgnb.ask("Now?", options=["yes"]).result().value

    gate = threading.Event()
    run = kgnb.run(Ask(), {"gate": gate})
    threading.Timer(0.1, gate.set).start()
    assert do("answer 1 yes") == "answered: Now? yes\n"
    run.result(10)


def test_magic_answer_that_is_refused_leaves_the_question_open(do, run):
    with pytest.raises(UsageError, match="expected one of 'publish', 'drop'"):
        do("answer 1 perhaps")
    assert "open questions" in do()
    run.cancel()


def test_number_means_the_same_question_as_long_as_the_shell_lives(do, run, eventually):
    do()
    second = kgnb.run(kgnb.Graph(Review(), name="second"))
    eventually(lambda: second.approvals)
    assert "2  second   Publish it?" in do()
    do("answer 1 drop")
    run.result(10)
    assert "2  second  Publish it?" in do()
    second.cancel()


@pytest.mark.parametrize("line", ["answer", "answer 1"])
def test_magic_answer_without_a_value_shows_how(do, line):
    with pytest.raises(UsageError, match="%kgnb answer 1 yes"):
        do(line)


def test_magic_word_that_there_is_not_shows_the_help(do):
    with pytest.raises(UsageError) as told:
        do("lsit")
    assert HELP in str(told.value)
    assert do("help") == HELP + "\n"


def test_magic_shows_its_help_with_a_question_mark(do):
    found = do.shell.object_inspect("%kgnb")
    assert found["docstring"] == HELP


def test_magic_opens_no_page_where_no_server_is(do, run):
    for line in ("open", "open 1", "open article"):
        with pytest.raises(UsageError, match="kgnb doctor"):
            do(line)
    run.cancel()


def test_magic_resumes_a_run_that_is_paused(do, eventually, run):
    run.pause()
    eventually(lambda: run.status == "paused")
    assert do("resume article") == "resumed: article\n"
    run.cancel()


def test_magic_says_why_a_run_cannot_be_resumed(do, run):
    run.cancel()
    with pytest.raises(kgnb.KgnbError):
        run.result(10)
    with pytest.raises(UsageError, match="article is cancelled: only a run that"):
        do("resume 1")
    with pytest.raises(UsageError, match="no run of that"):
        do("resume 7")


@pytest.mark.parametrize("error", [Forbidden("not yours"), Unavailable("it is away")])
def test_server_that_tells_nothing_leaves_what_is_known_here(
    do, run, error, monkeypatch
):
    class Mute:
        def runs(self):
            raise error

        questions = runs

    monkeypatch.setattr("kgnb.magic.server.site", Mute)
    told = do()
    assert "1  article  Publish it?" in told
    assert told.endswith(f"\n\nthe server's other runs are not shown: {error}\n")
    do("answer 1 drop")
    run.result(10)


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        (["1", "2"], "2", "2"),
        ([1, 2], "2", 2),
        (None, '{"a": [1]}', {"a": [1]}),
        (None, "as it stands", "as it stands"),
    ],
)
def test_value_is_an_option_else_json_else_text(options, text, value):
    question = Question(
        approval_id="a", workflow="w", message="m", options=options, answer=print
    )
    assert question.value_of(text) == value


def test_braces_of_an_answer_reach_the_magic_as_they_stand(do):
    with pytest.raises(UsageError, match=r"\{1\+1\}"):
        do("answer {1+1} x")


def test_table_cuts_long_text_and_what_moves_the_cursor():
    told = table(("#", "run"), [(1, "a\x1b[2Jb"), (10, "x" * 99)])
    assert told.splitlines()[:2] == [" #  run", " 1  a [2Jb"]
    assert told.endswith("x…")


def test_numbers_are_given_once():
    numbers = Numbers()
    assert [numbers.of(name) for name in ("a", "b", "a")] == [1, 2, 1]
