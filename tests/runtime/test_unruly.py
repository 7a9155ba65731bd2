"""Real workers with handlers that would end, hang or confuse them."""

import pytest

from runtime.client import AtlasClient
from runtime.reader import Reader
from runtime.settings import Settings
from runtime.snapshot import JobState
from tests.runtime import unruly
from tests.runtime.conftest import WorkerCommand, wait_until

APPLICATION = unruly.HERE


@pytest.fixture
def engine(make_settings, redis_url: str) -> Settings:
    return make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION=APPLICATION)


def pids(reader: Reader) -> list[int]:
    return [worker.pid for worker in reader.snapshot().workers]


def test_whatever_a_handler_raises_or_returns_ends_its_job_and_not_the_worker(
    client: AtlasClient, reader: Reader, worker: WorkerCommand
) -> None:
    errors = {
        "exit": "SystemExit: 0",
        "interrupt": "KeyboardInterrupt",
        "stop-iteration": "StopIteration",
        "speechless": "SpeechlessError",
    }
    jobs = {
        f"{kind}-{text}": text
        for kind, texts in (
            ("thread", (*errors, "unserializable")),
            ("loop", (*errors, "unserializable")),
            ("child", ("exit", "speechless", "large")),
        )
        for text in texts
    }
    for job_id, text in jobs.items():
        kind = job_id.partition("-")[0]
        client.enqueue(kind, org="o", payload={"text": text}, job_id=job_id)
    worker.start(ATLAS_APPLICATION=APPLICATION)
    wait_until(lambda: reader.snapshot().workers)
    first = pids(reader)
    over = (JobState.FINISHED, JobState.FAILED)
    wait_until(lambda: sum(reader.page("test:plain", s).total for s in over) == len(jobs))
    for job_id, text in jobs.items():
        detail = reader.job(job_id)
        expected = "failed" if text in errors else "finished"
        assert [a.outcome for a in detail.attempts] == [expected], (job_id, detail)
        assert errors.get(text, "") in detail.summary.error
    assert pids(reader) == first, "the same process all the time"
    assert reader.job("child-large").attempts[0].return_value == '"Return value too large"'
