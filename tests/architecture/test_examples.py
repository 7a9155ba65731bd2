"""The examples of README and docs/, run as they stand there."""

from pathlib import Path

import pytest
import redis

from tests.architecture.pages import blocks, run

PRODUCERS = blocks("docs/producers.md", "python")
REPORTS = """
def build(number):
    return number * 2

def tell(job, connection, result):
    print("told")
"""


def test_the_readmes_job_runs_as_it_says(tmp_path: Path, redis_url: str) -> None:
    [module] = blocks("README.md", "python")
    assert len([line for line in module.splitlines() if line.strip()]) <= 10
    (tmp_path / "hello.py").write_text(module)
    [script] = blocks("README.md", "sh")
    done = run(f"{script}\nkill %1; wait", tmp_path, redis_url)
    assert done.returncode == 0, done.stderr
    assert blocks("README.md", "")[-1] in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", range(len(PRODUCERS)))
def test_the_producers_examples_enqueue(number: int, tmp_path: Path, redis_url: str) -> None:
    (tmp_path / "example.py").write_text(PRODUCERS[number])
    done = run("python example.py", tmp_path, redis_url)
    assert done.returncode == 0, done.stderr
    with redis.Redis.from_url(redis_url) as connection:
        jobs = list(connection.scan_iter("rq:dev:processors:job:*"))
    assert len(jobs) == (4, 23)[number]


def test_a_plain_rq_producer_enqueues_as_the_page_says(tmp_path: Path, redis_url: str) -> None:
    [example] = blocks("docs/rq.md", "python")
    assert "Redis()" in example
    (tmp_path / "reports.py").write_text(REPORTS)
    (tmp_path / "producer.py").write_text(
        example.replace("Redis()", f"Redis.from_url({redis_url!r})") + "print(queue.job_ids[0])\n"
    )
    script = (
        'eval "$(atlas env)"\n'
        "python producer.py\n"
        "atlas-worker --burst --processes 1 --queues communication:email\n"
        "rq info --url $REDIS_URL\n"
    )
    done = run(script, tmp_path, redis_url, ATLAS_ALLOWED_FUNCTIONS="reports", PYTHONPATH=".")
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.splitlines()[0]
    with redis.Redis.from_url(redis_url) as connection:
        fields = connection.hgetall(f"rq:dev:processors:job:{job_id}")
    assert fields[b"status"] == b"finished", done.stderr
    assert "dev:communication:email" in done.stdout
