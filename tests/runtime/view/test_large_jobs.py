"""A job of any size costs who looks at it little memory, and is said to be large."""

import json
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
import redis
from click.testing import CliRunner

from runtime.cli.commands.jobs import job, job_lines
from runtime.client import AtlasClient, NewJob
from runtime.jobs import envelope
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.runtime.drive import claim, ended, finish
from tui.data.live import LiveReads
from tui.text.job_text import payload_lines

MB = 1_000_000


def peak_of(look: Callable[[], Any]) -> tuple[Any, int]:
    tracemalloc.start()
    try:
        return look(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def large(raw: redis.Redis, job_id: str, size: int, *, deflated: bool = False) -> None:
    """Give a job a payload of that size, as a producer with another limit would."""
    body = json.dumps({"text": "x" * size}).encode()
    data = envelope.encode("echo", "org_a", body)
    raw.hset(f"rq:job:{job_id}", "data", data if deflated else zlib.decompress(data))


def test_a_job_of_20_mb_is_shown_without_its_payload(
    client: AtlasClient, reader: Reader, raw: redis.Redis
) -> None:
    client.enqueue("echo", org="org_a", payload={"text": "hint"}, job_id="j")
    large(raw, "j", 20 * MB)
    reader.snapshot()
    detail, peak = peak_of(lambda: reader.job("j"))
    assert (detail.summary.kind, detail.summary.org) == ("echo", "org_a")
    assert detail.payload == {}
    assert detail.payload_bytes > 20 * MB
    assert detail.left_out == ("payload: 20.0 MB in Redis, not shown",)
    assert "  payload: 20.0 MB in Redis, not shown" in list(job_lines(detail))
    assert "20.0 MB in Redis, not shown" in str(payload_lines(detail))
    assert peak < MB
    assert peak_of(lambda: reader.explain("j"))[1] < 2 * MB


def test_what_inflates_to_20_mb_is_not_inflated(client, reader: Reader, raw) -> None:
    client.enqueue("echo", org="org_a", payload={}, job_id="j")
    large(raw, "j", 20 * MB, deflated=True)
    reader.snapshot()
    detail, peak = peak_of(lambda: reader.job("j"))
    assert (detail.summary.kind, detail.summary.org) == ("echo", "org_a")
    assert "not shown" in detail.left_out[0]
    assert peak < 2 * MB


@pytest.mark.parametrize("search", ["", "org_a"])
def test_a_list_of_large_jobs_is_read_without_their_payloads(
    client: AtlasClient, reader: Reader, raw: redis.Redis, search: str
) -> None:
    client.enqueue_many(NewJob("echo", "org_a", {}, job_id=f"j{n}") for n in range(60))
    for number in range(60):
        large(raw, f"j{number}", MB)
    raw.hset("rq:job:j7", "description", "x" * MB)
    source = LiveReads(reader)
    source.snapshot()
    page, peak = peak_of(
        lambda: source.page("test:plain", JobState.WAITING, offset=0, limit=60, search=search)
    )
    kinds = {(job.kind, job.org) for job in page.jobs if job.id != "j7"}
    assert kinds == {("echo", "org_a")}
    assert len(page.jobs) == (59 if search else 60)
    assert peak < 2 * MB


def test_large_results_are_counted_and_the_newest_are_shown(
    client: AtlasClient, reader: Reader, broker, raw: redis.Redis
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="many")
    client.enqueue("echo", org="o", payload={}, job_id="one")
    by_id = {job.id: job for job in claim(broker).jobs}
    finish(broker, *(ended(job) for job in by_id.values()))
    raw.delete("rq:results:many", "rq:results:one")
    value = b64encode(b'"' + b"x" * 100_000 + b'"')
    for number in range(100):
        raw.xadd("rq:results:many", {"attempt": number + 1, "outcome": "retried", "v": value})
    raw.xadd("rq:results:one", {"attempt": 1, "outcome": "finished", "return_value": value * 200})
    reader.snapshot()
    many, peak = peak_of(lambda: reader.job("many"))
    assert [attempt.number for attempt in many.attempts][-1] == 100
    assert 1 <= len(many.attempts) < 20
    assert "of 100 not shown" in many.left_out[0]
    assert peak < 5 * MB
    one, peak = peak_of(lambda: reader.job("one"))
    assert one.attempts == ()
    assert "attempts: 1 of 1 not shown" in one.left_out[0]
    assert peak < MB
    page, peak = peak_of(lambda: reader.page("test:plain", JobState.FINISHED))
    assert {job.id for job in page.jobs} == {"many", "one"}
    assert peak < 2 * MB


def test_a_job_of_usual_size_is_shown_whole(client: AtlasClient, reader: Reader) -> None:
    client.enqueue("echo", org="o", payload={"text": "x" * 1_000}, job_id="j")
    detail = reader.job("j")
    assert detail.payload == {"text": "x" * 1_000}
    assert detail.left_out == ()


def test_a_key_of_another_type_is_no_job(client, reader: Reader, raw: redis.Redis) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    raw.delete("rq:job:j")
    raw.set("rq:job:j", "x" * MB)
    raw.set("rq:results:j", "x" * MB)
    [job] = reader.page("test:plain", JobState.WAITING).jobs
    assert (job.id, job.kind) == ("j", "?")


def test_atlas_job_says_it_too(monkeypatch, redis_url: str, client, raw: redis.Redis) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("RQ_KEY_PREFIX", "rq")
    monkeypatch.setenv("ATLAS_APPLICATION", "tests.runtime.engine_app")
    client.enqueue("echo", org="org_a", payload={}, job_id="j")
    large(raw, "j", 20 * MB)
    done = CliRunner().invoke(job, ["j"])
    assert done.exit_code == 0, done.output
    assert "20.0 MB in Redis, not shown" in done.output
    assert len(done.output) < 2_000
