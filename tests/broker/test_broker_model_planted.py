"""The models find what they are there to find: faults that are planted here."""

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from model_approvals import Approvals
from model_delivery import Delivery
from model_mail import Mail

from kgnb.broker import Outbox, decisions
from kgnb.broker.mail import Mail as Mailer
from kgnb.broker.runs import Runs
from kgnb.broker.subscriptions import Reader, Subscriptions
from kgnb.protocol import link


def skip_a_seq(monkeypatch):
    send = Reader.send

    def skipping(self, events):
        for event in events:
            if event.seq % 5:
                send(self, [event])
            else:
                self.seq = event.seq

    monkeypatch.setattr(Reader, "send", skipping)


def send_again_after_a_resubscription(monkeypatch):
    place = Subscriptions._place

    def earlier(self, reader, since):
        if since is not None and since.seq:
            since = msgspec.structs.replace(since, seq=since.seq - 1)
        place(self, reader, since)

    monkeypatch.setattr(Subscriptions, "_place", earlier)


def acknowledge_before_it_is_stored(monkeypatch):
    take_in = Runs._take_in

    def hasty(self, run, source, frame, *decoded):
        take_in(self, run, source, frame, *decoded)
        source.reply(link.Appended(run_id=run.id, n=run.queued[1], seq=run.seq))

    monkeypatch.setattr(Runs, "_take_in", hasty)


def show_before_it_is_stored(monkeypatch):
    submit = Runs.submit

    def hasty(self, run, now):
        fresh = [each for item in run.inbox for each in getattr(item, "events", ())]
        payloads = [msgspec.json.encode(event) for event in fresh]
        self.subscriptions.publish(run, run.seq + 1, payloads)
        submit(self, run, now)

    monkeypatch.setattr(Runs, "submit", hasty)


def let_queues_grow(monkeypatch):
    put = Outbox.put

    def patient(self, frame):
        self.limit, limit = 10**9, self.limit
        try:
            return put(self, frame)
        finally:
            self.limit = limit

    monkeypatch.setattr(Outbox, "put", patient)


def remove_the_compare_and_set(monkeypatch):
    transaction_of = decisions.transaction_of

    def unchecked(*args):
        return msgspec.structs.replace(transaction_of(*args), checks=())

    monkeypatch.setattr(decisions, "transaction_of", unchecked)


def lose_an_offline_message(monkeypatch):
    plan = Mailer._plan

    def losing(self, job, now):
        plan(self, job, now)
        if len(job.plan) > 1:
            job.plan.popleft()

    monkeypatch.setattr(Mailer, "_plan", losing)


@pytest.mark.parametrize(
    ("plant", "machine"),
    [
        (skip_a_seq, Delivery),
        (send_again_after_a_resubscription, Delivery),
        (acknowledge_before_it_is_stored, Delivery),
        (show_before_it_is_stored, Delivery),
        (let_queues_grow, Delivery),
        (remove_the_compare_and_set, Approvals),
        (lose_an_offline_message, Mail),
    ],
)
def test_planted_fault_is_found_within_two_hundred_examples(
    plant, machine, monkeypatch
):
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=200,
                stateful_step_count=50,
                deadline=None,
                database=None,
                derandomize=True,
                # It is to be found, not to be made small.
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
