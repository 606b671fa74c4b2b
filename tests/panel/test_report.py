"""A run's report: what it has, what it leaves out, and that it loads and runs nothing."""

import re
import time
from html.parser import HTMLParser

import msgspec
import pytest

from kgnb.panel.report import bounds, page_html
from kgnb.panel.report.words import span_words, time_words
from kgnb.protocol.view import RunView
from kgnb.runtime.comparing.steps import StateStep, StateSteps
from kgnb.runtime.comparing.values import differences

HOSTILE = (
    "<img src=x onerror=alert(1)>\"'&\u202e</pre></style><script>alert(2)</script>"
)


class Reading(HTMLParser):
    """Tags, attributes and text of a page, as a browser would see them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), {}, []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value)

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def changed(view, **fields):
    return msgspec.convert({**view.to_dict(), **fields}, RunView)


def visit(number, node_id="Draft", **more):
    return {
        "node_id": node_id,
        "task_id": f"{node_id}:{number}",
        "status": "completed",
        "started_at": "2026-11-21T03:40:45.000Z",
        "ended_at": "2026-11-21T03:40:46.500Z",
        "duration": 1.5,
        **more,
    }


def test_report_tells_the_run_its_times_and_who_answered_when_and_how(view):
    text = Reading(page_html(view)).text
    assert "article ✓ completed" in text
    assert "Completed in 1 min 0 s: 6 visits of 4 nodes, 2 questions, answered" in text
    assert "2026-11-21 03:40:44.123 UTC" in text
    assert "f" * 32 in text
    assert (
        "Decided by ada with a click in the panel at 03:40:46 UTC, 1.0 s later" in text
    )
    assert "Reason: It is the Moon." in text


def test_report_of_votes_tells_the_tally_and_each_vote(view):
    votes = [
        {"voter": "1", "user": "ada", "value": "publish", "at": "2026-11-21T03:40:46Z"},
        {"voter": "2", "user": "bob", "value": "revise", "reason": "too short"},
    ]
    approvals = view.to_dict()["approvals"]
    approvals[0].update(votes=votes, need=2)
    text = Reading(page_html(changed(view, approvals=approvals))).text
    assert "Votes: publish 1, revise 1; 2 of the same were needed" in text
    assert "ada: publish, at 03:40:46 UTC" in text
    assert "bob: revise (too short)" in text


def test_report_shows_visits_with_bars_attempts_and_actions(view):
    timeline = [visit(1), visit(2, attempts=3, action="revise")]
    page = page_html(changed(view, timeline=timeline))
    text = Reading(page).text
    assert "Draft (visit 2) 0.88 s 1.5 s 3 ✓ completed → revise" in text
    assert page.count('class="kgnb-bar"') == 2


def test_report_has_landmarks_and_headings_in_order(view):
    page = page_html(changed(view, timeline=[visit(1), visit(2)]))
    levels = [int(each) for each in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    for landmark in ("<header>", "<main>", "<footer>"):
        assert page.count(landmark) == 1
    named = set(re.findall(r'aria-labelledby="([^"]+)"', page))
    assert named == set(re.findall(r'<h2 id="([^"]+)"', page))
    assert 'lang="en"' in page


def test_report_of_hostile_names_texts_and_values_stays_text(view):
    def infected(value):
        if isinstance(value, dict):
            return {key: infected(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [infected(inner) for inner in value]
        words = {"article", "publish", "Publish?", "The draft.", "slow disk", "ada"}
        return HOSTILE if value in words else value

    plain = infected(view.to_dict())
    plain["graph"]["svg"] = f"<svg xmlns='http://www.w3.org/2000/svg'>{HOSTILE}</svg>"
    plain["streams"][0]["text"] = plain["results"]["Publish"] = HOSTILE
    plain["params"] = {HOSTILE: HOSTILE}
    plain["error"] = {"code": "internal", "message": HOSTILE, "node_id": "Draft"}
    plain["timeline"] = [visit(1, action=HOSTILE), visit(2)]
    plain["custom"] = [{"type": HOSTILE, "node_id": HOSTILE, "data": HOSTILE}]
    step = StateStep(
        step=1,
        source=f"{HOSTILE}:1",
        at=HOSTILE,
        next=(),
        changes=differences({}, {HOSTILE: HOSTILE}, "shared"),
    )
    page = page_html(changed(view, **plain), states=StateSteps(steps=(step,)))
    read = Reading(page)
    assert not read.tags & {"script", "img", "a", "link", "iframe", "object", "base"}
    assert not [name for name in read.attributes if name.startswith("on")]
    assert {"href", "src", "srcdoc", "action"}.isdisjoint(read.attributes)
    assert "</style><script>" not in page


def test_report_allows_itself_nothing_but_its_own_styles(view):
    page = page_html(view)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert "script" not in policy
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", page)


def test_report_hides_what_looks_like_a_secret_as_a_recording_does(view):
    stream = {**view.to_dict()["streams"][0], "text": "it is sk-abcdefghijklmnop"}
    page = page_html(
        changed(view, streams=[stream], results={"Publish": {"api_key": "hunter22"}})
    )
    assert "sk-abc" not in page
    assert "hunter22" not in page
    assert "it is [redacted]" in page


def test_report_hides_a_secret_that_lies_across_a_cut(view):
    secret = f"sk-{'a' * 60}"
    text = "x " * 5_990 + secret + " y" * 40_000
    stream = {**view.to_dict()["streams"][0], "text": text}
    assert "sk-aaa" not in page_html(changed(view, streams=[stream]))


def test_report_of_a_run_without_checkpoints_says_that_its_state_is_unknown(view):
    assert "kgnb.run(durable=True)" in page_html(view)
    reason = "What nodes share is not recorded."
    assert reason in page_html(view, states=StateSteps(reason=reason))


def test_report_tells_what_each_step_changed(view):
    changes = differences({"round": 1}, {"round": 2, "draft": "Tides"}, "shared")
    steps = (
        StateStep(step=1, source="Draft:2", at=None, next=(), changes=changes),
        StateStep(step=2, source="Review:2", at=None, next=(), changes=()),
    )
    text = Reading(page_html(view, states=StateSteps(steps=steps))).text
    assert "Step 1 after Draft (visit 2): 2 changes" in text
    assert "shared['round'] ≠ changed 1 2" in text
    assert "shared['draft'] + added 'Tides'" in text
    assert "Step 2 after Review (visit 2): nothing changed" in text


def test_report_of_a_run_under_way_says_so(view):
    text = Reading(page_html(changed(view, status="running", ended_at=None))).text
    assert "Under way: 6 visits of 4 nodes" in text
    assert "This run had not ended when this was written." in text


def test_report_of_an_empty_view_is_a_page_still():
    assert "Under way: 0 visits of 0 nodes." in Reading(page_html(RunView())).text


def test_report_of_a_huge_run_is_bounded_and_says_what_it_lacks(view):
    plain = view.to_dict()
    log = plain["logs"][0]
    plain["logs"] = [{**log, "text": "x" * 50_000} for _ in range(1000)]  # 50 MB
    plain["logs_dropped"] = 99_000
    plain["timeline"] = [visit(number) for number in range(1, 1001)]
    plain["streams"] = [{**plain["streams"][0], "text": "word " * 10}] * 20_000
    plain["results"] = {"Publish": {"rows": list(range(100_000))}}
    huge = changed(view, **plain)
    began = time.perf_counter()
    page = page_html(huge)
    assert time.perf_counter() - began < 5
    assert len(page) < 3_000_000
    text = Reading(page).text
    assert "of 20,000 texts the latest 500" in text
    assert re.search(r"of 100,000 pieces of output the latest \d\d\b", text)
    assert "of 1,000 visits the latest 300" in text
    assert "texts are shortened to beginning and end" in text
    assert f"kgnb report {'f' * 32} --format jsonl" in text
    assert "[… 30,000 characters left out …]" in page


def test_report_of_what_fits_leaves_nothing_out(view):
    small, told = bounds.bounded(view.to_dict())
    assert told == []
    assert small == view.to_dict()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.004, "0.00 s"),
        (4.21, "4.2 s"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_span_is_told_in_the_units_that_fit(seconds, words):
    assert span_words(seconds) == words


def test_time_of_another_zone_is_told_in_utc():
    assert time_words("2026-11-21T05:40:44.5+02:00") == "2026-11-21 03:40:44.500 UTC"
    assert time_words("yesterday") == ""
