"""The one-shot commands against a real Redis and a real worker."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.runtime.cli.conftest import ROOT, Command, Outcome, one_line

QUEUE_FIELDS = {
    "name", "paused", "waiting", "active", "scheduled", "failed", "finished", "stalled",
    "oldest_waiting_s", "throughput_per_min", "failed_per_min", "wait_p50_ms", "wait_p95_ms",
    "run_p50_ms", "run_p95_ms",
}  # fmt: skip


def queue_of(atlas: Command, name: str = "test:plain") -> dict[str, object]:
    return next(q for q in atlas("status", "--json").json["queues"] if q["name"] == name)


def ids_of(atlas: Command, state: str, queue: str = "test:plain") -> list[str]:
    page = atlas("jobs", queue, "--state", state, "--json").json
    return [job["id"] for job in page["jobs"]]


def test_status_has_the_promised_fields(atlas: Command):
    status = atlas("status", "--json").json
    assert {q["name"] for q in status["queues"]} == {"test:plain", "test:fair", "test:rated"}
    assert all(set(q) >= QUEUE_FIELDS for q in status["queues"])
    assert set(status["redis"]) >= {
        "ok", "version", "used_memory", "ops_per_s", "clients", "ping_ms"
    }  # fmt: skip
    assert status["redis"]["ok"] is True
    assert status["redis"]["used_memory"] > 0
    assert status["workers"] == []
    assert set(status["host"]) >= {"cpu", "memory", "disk", "load"}
    assert 0 < status["host"]["memory"] <= 100
    assert len(status["host"]["load"]) == 3
    assert datetime.fromisoformat(status["taken_at"]).utcoffset() is not None


def test_a_jobs_way_through_the_states(atlas: Command, work_off: Callable[[], None]):
    enqueued = atlas("enqueue", "echo", "--org", "org_a", "--data", '{"text":"hi"}', "--json").json
    assert enqueued["created"] == 1
    assert enqueued["queue"] == "test:plain"
    assert ids_of(atlas, "waiting") == [enqueued["id"]]
    assert queue_of(atlas)["waiting"] == 1
    atlas("enqueue", "fail", "--org", "org_b", "--data", '{"text":"no such number"}', "--id", "bad")
    atlas("enqueue", "echo", "--org", "org_a", "--delay", "500", "--id", "later")
    assert ids_of(atlas, "scheduled") == ["later"]

    work_off()

    assert ids_of(atlas, "finished") == [enqueued["id"]]
    assert ids_of(atlas, "failed") == ["bad"]
    queue = queue_of(atlas)
    counts = {name: queue[name] for name in ("waiting", "finished", "failed", "scheduled")}
    assert counts == {"waiting": 0, "finished": 1, "failed": 1, "scheduled": 1}
    detail = atlas("job", "bad", "--json").json
    assert detail["id"] == "bad"
    assert detail["state"] == "failed"
    assert detail["payload"] == {"text": "no such number"}
    assert detail["attempts"][-1]["error_class"] == "ValueError"
    text = atlas("job", "bad").out
    assert "ValueError: no such number" in text
    assert "org_b" in text
    assert "no such number" in atlas("jobs", "test:plain", "--state", "failed").out


def test_retry_all_of_a_queue_says_the_plan_and_acts(atlas: Command, work_off: Callable[[], None]):
    atlas("enqueue", "fail", "--org", "org_a", "--count", "3")
    work_off()
    assert queue_of(atlas)["failed"] == 3
    retried = atlas("retry", "--queue", "test:plain", "--all", "--reason", "provider is back")
    assert retried.code == 0
    assert "plan: retry 3 jobs of test:plain" in retried.err
    assert retried.out.startswith("3 jobs waiting again")
    assert queue_of(atlas)["failed"] == 0
    assert queue_of(atlas)["waiting"] == 3


def test_retry_and_delete_by_id(atlas: Command, work_off: Callable[[], None]):
    for job_id in ("one", "two"):
        atlas("enqueue", "fail", "--org", "org_a", "--id", job_id)
    work_off()
    assert atlas("retry", "one", "--json").json["done"] == 1
    assert ids_of(atlas, "waiting") == ["one"]
    deleted = atlas("delete", "one", "two", "--yes", "--json").json
    assert (deleted["planned"], deleted["done"]) == (2, 2)
    gone = atlas("job", "two")
    assert gone.code == 1
    assert "no job 'two'" in one_line(gone.err)


def test_retry_of_a_job_that_is_gone_fails(atlas: Command):
    done = atlas("retry", "nowhere", "--json")
    assert done.code == 1
    assert json.loads(done.out)["skipped"] == 1


def test_pause_and_resume(atlas: Command):
    assert atlas("pause", "test:plain", "--reason", "outage", "--actor", "ana@bastion").code == 0
    queue = queue_of(atlas)
    assert queue["paused"] is True
    assert queue["pause"]["by"] == "ana@bastion"
    assert "paused" in atlas("status").out
    assert "by ana@bastion" in atlas("queues").out
    assert "outage" in atlas("queues").out
    assert atlas("pause", "test:plain").out == "test:plain was paused already\n"
    assert atlas("resume", "test:plain").out == "test:plain is running\n"
    assert queue_of(atlas)["paused"] is False


def test_a_job_that_waits_says_why(atlas: Command):
    atlas("enqueue", "echo", "--org", "org_a", "--id", "waits")
    atlas("pause", "test:plain", "--actor", "ana@bastion")
    assert "held     " in atlas("job", "waits").out
    holds = atlas("job", "waits", "--json").json["holds"]
    assert "paused" in [hold["what"] for hold in holds]


def test_count_priority_and_paging(atlas: Command):
    atlas("enqueue", "echo", "--org", "org_a", "--count", "7")
    urgent = atlas("enqueue", "echo", "--org", "org_a", "--priority", "1", "--json").json["id"]
    assert queue_of(atlas)["waiting"] == 8
    assert ids_of(atlas, "waiting")[0] == urgent
    page = atlas("jobs", "test:plain", "--limit", "3", "--offset", "6", "--json").json
    assert page["total"] == 8
    assert len(page["jobs"]) == 2
    assert "7 to 8 of 8 waiting jobs" in atlas("jobs", "test:plain", "--offset", "6").out


def test_a_given_id_makes_enqueue_idempotent(atlas: Command):
    first = atlas("enqueue", "echo", "--org", "org_a", "--id", "once", "--json").json
    second = atlas("enqueue", "echo", "--org", "org_a", "--id", "once", "--json").json
    assert (first["created"], second["created"]) == (1, 0)
    assert queue_of(atlas)["waiting"] == 1


def test_data_comes_from_a_file_or_standard_input(
    atlas: Command, run_program: Callable[..., Outcome], tmp_path: Path
):
    (tmp_path / "data.json").write_text('{"text": "from a file"}', encoding="utf-8")
    atlas("enqueue", "echo", "--org", "org_a", "--id", "a", "--data", f"@{tmp_path}/data.json")
    run_program(
        "runtime.cli", "enqueue", "echo", "--org", "org_a", "--id", "b", "--data", "-",
        stdin='{"text": "from a pipe"}',
    )  # fmt: skip
    assert atlas("job", "a", "--json").json["payload"] == {"text": "from a file"}
    assert atlas("job", "b", "--json").json["payload"] == {"text": "from a pipe"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["jobs", "nope"], "no queue 'nope'; allowed: test:fair, test:plain, test:rated"),
        (["pause", "nope"], "no queue 'nope'; allowed: test:fair, test:plain, test:rated"),
        (["retry", "--queue", "nope", "--all"], "no queue 'nope'"),
        (["jobs", "test:plain", "--state", "lost"], "'lost' is not one of 'waiting'"),
        (["jobs", "test:plain", "--limit", "0"], "not in the range"),
        (["enqueue", "nope", "--org", "o"], "no kind 'nope'; allowed: echo, fail, fair"),
        (["enqueue", "echo", "--org", "o", "--data", "{"], "not JSON"),
        (["enqueue", "echo", "--org", "o", "--data", "[1]"], "a JSON object is needed"),
        (["enqueue", "echo", "--org", "o", "--data", "@/none"], "cannot read /none"),
        (["enqueue", "echo", "--org", "o", "--data", '{"bad": 1}'], "bad"),
        (["enqueue", "echo", "--org", "o o"], "org 'o o'"),
        (["enqueue", "echo", "--org", "o", "--id", "a:b"], "job id 'a:b'"),
        (["enqueue", "echo", "--org", "o", "--priority", "9"], "not in the range"),
        (["enqueue", "echo", "--org", "o", "--delay", "1e300"], "not possible"),
        (["enqueue", "echo", "--org", "o", "--delay", "nan"], "--delay"),
        (["enqueue", "echo", "--org", "o", "--id", "a", "--count", "2"], "--id names one job"),
        (["enqueue", "echo"], "Missing option '--org'"),
        (["retry"], "give job ids, --queue QUEUE --all, or --group"),
        (["retry", "a", "--all"], "give job ids"),
        (["retry", "--all"], "--all needs --queue"),
        (["delete"], "Missing argument"),
        (["nonsense"], "No such command 'nonsense'"),
        (["status", "--nonsense"], "No such option"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(atlas: Command, arguments: list[str], words: str):
    done = atlas(*arguments)
    assert done.code == 2
    assert words in one_line(done.err)
    assert done.out == ""


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["queues"], ["workers"], ["jobs", "test:plain"], ["job", "x"],
     ["enqueue", "echo", "--org", "o"], ["trigger", "lead_created", "--org", "o"],
     ["pause", "test:plain"], ["resume", "test:plain"], ["retry", "x"],
     ["retry", "--queue", "test:plain", "--all"], ["delete", "x", "--yes"]],
)  # fmt: skip
def test_redis_away_is_one_line_and_exit_code_1(
    atlas: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
):
    monkeypatch.setenv("REDIS_URL", "redis://user:hunter2@127.0.0.1:1/0")
    done = atlas(*arguments, "--json")
    if arguments[0] == "trigger":
        # The engine's own test application has no such kind: refused before Redis is asked.
        assert (done.code, "no kind 'process_trigger'" in done.err) == (2, True)
        return
    assert done.code == 1
    assert "Redis" in one_line(done.err)
    assert "hunter2" not in done.err
    assert done.out == ""


def test_wrong_settings_are_all_told_with_exit_code_2(
    atlas: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REDIS_PORT", "70000")
    monkeypatch.setenv("ATLAS_LEASE_S", "soon")
    done = atlas("status")
    assert done.code == 2
    assert done.err.splitlines() == [
        "ATLAS_LEASE_S: 'soon' is not a number; allowed: 0.2 to 3600 seconds",
        "REDIS_PORT: '70000' is out of range; allowed: 1 to 65535",
    ]


def test_an_application_that_cannot_be_loaded_is_told(
    atlas: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ATLAS_APPLICATION", "no_such_module")
    done = atlas("status")
    assert done.code == 2
    assert "ATLAS_APPLICATION: cannot import 'no_such_module'" in one_line(done.err)
    assert atlas("--help").code == 0


def test_tables_fit_80_columns_and_hold_no_escape_sequences(
    atlas: Command, work_off: Callable[[], None]
):
    hostile = json.dumps({"text": "\x1b]0;owned\x07\u202egnp.exe [red]x[/red] " + "long " * 40})
    atlas("enqueue", "fail", "--org", "org_a", "--data", hostile, "--id", "evil")
    atlas("enqueue", "echo", "--org", "org_a", "--data", hostile)
    waiting = atlas("jobs", "test:plain").out
    work_off()
    for text in (
        waiting, atlas("status").out, atlas("queues").out,
        atlas("jobs", "test:plain", "--state", "failed").out,
    ):  # fmt: skip
        assert max(len(line) for line in text.splitlines()) <= 80
        assert not set(text) & {"\x1b", "\x07", "\u202e", "\x9b"}
    for text in (atlas("job", "evil").out, atlas("job", "evil", "--json").out):
        assert not set(text) & {"\x1b", "\x07", "\u202e", "\x9b"}


def test_output_survives_a_terminal_that_knows_few_characters(
    atlas: Command, run_program: Callable[..., Outcome]
):
    atlas("enqueue", "echo", "--org", "org_a", "--data", '{"text": "Zoë ' + "é" * 100 + '"}')
    done = run_program("runtime.cli", "jobs", "test:plain", PYTHONIOENCODING="latin-1")
    assert done.code == 0, done.err
    assert "\\u2026" in done.out


def test_a_reader_that_leaves_early_is_no_error(run_program: Callable[..., Outcome]):
    done = subprocess.run(
        f"{sys.executable} -m runtime.cli check --json | head -c 1",
        check=False, shell=True, capture_output=True, text=True, timeout=60, cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": "/nonexistent",
             "REDIS_PORT": "1", "ATLAS_APPLICATION": "tests.runtime.cli.domain"},
    )  # fmt: skip
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
