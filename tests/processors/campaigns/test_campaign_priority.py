"""On a real Redis: what a person waits for goes before a campaign, however much of it waits."""

from contextlib import closing

import pytest

from processors import application
from runtime.broker import open_broker
from runtime.broker.calls.claim import QueueDemand, claim_jobs
from runtime.broker.keys import QueueNames
from runtime.broker.policy import Policy
from runtime.catalogue.catalogue import Priority
from runtime.client import AtlasClient, NewJob

CATALOGUE = application.catalogue.for_environment("test")


@pytest.mark.parametrize("backlog", [1_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_a_reminder_does_not_wait_behind_a_campaign(settings, backlog):
    names = QueueNames(settings.queue_prefix)
    sends = (
        NewJob("send_sms", "org_iron", {"to": f"+4477{n:08}", "message": "Sale"}, Priority.LOW)
        for n in range(backlog)
    )
    reminder = {"to": "+447000000001", "message": "Spin in two hours"}
    with (
        AtlasClient.from_settings(settings) as client,
        closing(open_broker(settings)) as broker,
    ):
        client.enqueue_many(sends)
        ref = client.enqueue("send_sms", org="org_iron", payload=reminder)
        queue = CATALOGUE.queue("communication:sms")
        claim = claim_jobs(
            "w1",
            "token",
            [QueueDemand(names.full(queue.name), queue.slots, org_cap=queue.org_cap)],
            wanted=queue.slots,
            lease_ms=30_000,
            max_bytes=1 << 20,
            policy=Policy.of(CATALOGUE, names, max_stalled=2),
        )
        taken = [job.id for job in broker.run(claim).jobs]
    assert ref.id in taken
    assert len(taken) == queue.slots
