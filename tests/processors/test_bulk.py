"""A bulk message as jobs: what is refused at once, and what is never in memory as a whole."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from processors.bulk import BulkText, SavedSegment
from processors.client import bulk_message
from processors.payloads.campaigns import MAX_PART
from runtime.errors import InvalidJobError

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
TEXT = BulkText(body="Hello {{first_name}}")


def start(recipients: Any, template: Any = TEXT, *, channel: str = "sms", **options: Any) -> list:
    return list(bulk_message("org_iron", channel, template, options).jobs(recipients))


@pytest.mark.parametrize(
    ("recipients", "options", "said"),
    [
        ("ana@example.com", {}, "recipients: allowed are a list, an iterator"),
        (5, {}, "recipients: allowed are a list, an iterator"),
        (["a@b.co", 7], {}, "recipient number 2: "),
        ([{"to": "a@b.co", "name": "Ana"}], {}, "recipient number 1: name: "),
        ([{"to": "a@b.co", "variables": {"x": object()}}], {}, "recipient number 1: "),
        ([], {"batch_size": 0}, "campaign: batch_size: "),
        ([], {"delay_between_batches": 2}, "delay_between_batches: must be a timedelta"),
        ([], {"delay_between_batches": timedelta(-1)}, "campaign: delay_between_batches_ms: "),
        ([], {"purpose": "fun"}, "campaign: purpose: "),
        ([], {"scheduled_for": NOON.replace(tzinfo=None)}, "campaign: scheduled_for: "),
        ([], {"scheduled_for": NOON, "not_after": NOON}, "not_after must be later"),
        ([], {"channel": "post"}, "campaign: channel: "),
        (
            [],
            {"channel": "email", "template": BulkText(body="no subject")},
            "an e-mail needs a subject",
        ),
        ([], {"template": ""}, "campaign: "),
    ],
)
def test_what_the_client_refuses(recipients, options, said):
    with pytest.raises(InvalidJobError) as caught:
        start(recipients, **options)
    assert said in str(caught.value)
    assert "a@b.co" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_of_a_hundred_thousand_is_never_in_memory():
    read = 0

    def many():
        nonlocal read
        for read in range(1, 100_001):
            yield f"+4477009{read:06}"

    ahead = made = 0
    for job, brought in bulk_message("org_iron", "sms", TEXT, {}).jobs(many()):
        made += brought
        ahead = max(ahead, read - made)
        assert len(job.payload.recipients) <= MAX_PART
    # One more is read, to know that the part was not the last.
    assert (made, ahead) == (100_000, 1)


def test_a_part_has_few_bytes_however_much_each_recipient_brings():
    big = [{"to": "+447700900123", "variables": {"x": "y" * 60_000}}] * 10
    jobs = start(big)
    assert [brought for _, brought in jobs] == [4, 4, 2]
    assert [job.payload.is_last for job, _ in jobs] == [False, False, True]
    assert [job.payload.start is None for job, _ in jobs] == [False, True, True]


@pytest.mark.parametrize("length", [0, 1, MAX_PART, MAX_PART + 1])
def test_an_asynchronous_iterator_makes_the_same_parts(length):
    def numbers():
        return (f"+4477009{n:06}" for n in range(length))

    async def stream():
        for number in numbers():
            yield number

    async def collect(recipients):
        bulk = bulk_message("org_iron", "sms", TEXT, {})
        return [(job.payload.recipients, n) async for job, n in bulk.jobs_async(recipients)]

    expected = [(job.payload.recipients, n) for job, n in start(numbers())]
    assert asyncio.run(collect(stream())) == expected == asyncio.run(collect(numbers()))


def test_a_segment_is_one_part_that_leaves_the_list_open():
    [(job, brought)] = start(SavedSegment("vips"))
    assert (job.payload.start.segment_id, job.payload.is_last, brought) == ("vips", False, 0)
