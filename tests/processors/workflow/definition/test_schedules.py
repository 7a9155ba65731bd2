"""Schedules become recurring jobs of the runtime, and go when their workflow does."""

import uuid
from contextlib import closing
from datetime import UTC, datetime

import pytest

from processors import Workflows
from processors.database.models import Organisation, WorkflowExecution
from processors.errors import DefinitionError
from processors.workflow.definition.reading import read_workflow
from processors.workflow.definition.schedules import moment_of, plan
from runtime.config.settings import Settings
from runtime.view.reader import Reader
from tests.processors.harness import ORG
from tests.processors.shapes import TAG, edge, node

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def scheduled(*schedules: dict, workflow_id: str = "w") -> dict:
    nodes = [
        node(f"t{number}", "trigger", triggerType="scheduled", config={"schedule": schedule})
        for number, schedule in enumerate(schedules)
    ]
    edges = [edge(each["id"], "tag") for each in nodes]
    return {"id": workflow_id, "nodes": [*nodes, TAG], "edges": edges}


def planned(*schedules: dict):
    workflow = read_workflow(scheduled(*schedules)).workflow
    return plan(ORG, workflow, timezone="Europe/Paris", now=NOW)


def test_cron_and_interval_are_recurring_and_a_moment_is_one_job():
    found = planned(
        {"cron": "0 9 * * 1"},
        {"cron": "0 9 * * 1", "tz": "UTC"},
        {"every": {"value": 2, "unit": "hours"}},
        {"at": "2026-12-24T18:00"},
        {"at": "2026-01-01T00:00:00Z"},
    )
    assert [r.describe() for r in found.recurring] == [
        "0 9 * * 1 Europe/Paris", "0 9 * * 1 UTC", "every 7200 s",
    ]  # fmt: skip
    assert len({r.id for r in found.recurring}) == 3
    for recurring in found.recurring:
        recurring.check()
    [once] = found.once
    assert once.at == datetime(2026, 12, 24, 17, tzinfo=UTC)
    assert found == planned({"cron": "0 9 * * 1"}, {"cron": "0 9 * * 1", "tz": "UTC"},
                            {"every": 7200}, {"at": "2026-12-24T18:00"},
                            {"at": "2026-01-01T00:00:00Z"})  # fmt: skip


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-07-01T09:00", "Europe/London", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-07-01T09:00+02:00", "Europe/London", datetime(2026, 7, 1, 7, tzinfo=UTC)),
        ("2026-07-01", "UTC", datetime(2026, 7, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_without_an_offset_is_by_the_zones_clock(text, zone, moment):
    assert moment_of(text, zone) == moment


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_recurring_jobs_follow_the_workflow(database, make_settings, redis_url):
    settings: Settings = make_settings(ATLAS_ENV="test", REDIS_URL=redis_url)
    workflows = Workflows(database, settings, actor="ana")
    with database.write() as session:
        session.get_one(Organisation, ORG).timezone = "Europe/Madrid"

    def there() -> list[str]:
        with closing(Reader.from_settings(settings)) as reader:
            return [entry.when for entry in reader.recurring() if not entry.declared]

    daily, hourly = {"cron": "0 9 * * *"}, {"every": 3600}
    assert workflows.save(ORG, scheduled(daily)).done == ()
    assert there() == []
    assert len(workflows.enable(ORG, "w").done) == 1
    workflows.save(ORG, scheduled(hourly, workflow_id="other"), status="active")
    assert sorted(there()) == ["0 9 * * * Europe/Madrid", "every 3600 s"]
    workflows.save(ORG, scheduled(hourly))
    assert there() == ["every 3600 s"] * 2
    assert len(workflows.disable(ORG, "w").done) == 1
    assert there() == ["every 3600 s"]
    workflows.delete(ORG, "other")
    assert there() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_schedules_redis_is_not_needed(database, make_settings):
    settings = make_settings(ATLAS_ENV="test", REDIS_URL="redis://127.0.0.1:1/0")
    workflows = Workflows(database, settings)
    plain = scheduled() | {"nodes": [node("t", "trigger", triggerType="new_lead"), TAG],
                           "edges": [edge("t", "tag")]}  # fmt: skip
    assert workflows.save(ORG, plain, status="active").version == 1
    assert workflows.archive(ORG, "w").status == "archived"
    with pytest.raises(DefinitionError, match="no workflow 'x'"):
        workflows.delete(ORG, "x")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_archiving_cancels_what_has_not_ended(database, make_settings, redis_url):
    workflows = Workflows(database, make_settings(ATLAS_ENV="test", REDIS_URL=redis_url))
    nodes = [node("t", "trigger", triggerType="new_lead"), node("w", "wait", days=2), TAG]
    whole = {"id": "w", "nodes": nodes, "edges": [edge("t", "w"), edge("w", "tag")]}
    workflows.save(ORG, whole, status="active")
    with database.write() as session:
        for status, ended in (("running", None), ("completed", NOW)):
            session.add(WorkflowExecution(
                id=uuid.uuid4(), org_id=ORG, workflow_id="w", version=1, status=status,
                trigger_type="manual", job_id="j", completed_at=ended,
            ))  # fmt: skip
    assert workflows.archive(ORG, "w").done == ("1 executions are cancelled",)
    assert workflows.archive(ORG, "w").done == ()
    [info] = workflows.list(ORG)
    assert (info.status, info.executions, info.running) == ("archived", 2, 0)
