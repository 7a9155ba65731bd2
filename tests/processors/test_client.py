"""The CRM's client: each method makes the job its name promises, blocking and for asyncio alike."""

import asyncio
import inspect
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from processors.client import AsyncCrmClient, CrmClient
from processors.dead_letters.original import find_original
from runtime.config.settings import Settings
from runtime.errors import InvalidJobError
from runtime.view.snapshot import JobState

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SOON = datetime.now(UTC) + timedelta(hours=1)
# Method, arguments after the organisation, and the kind and payload that must be in Redis.
CALLS: list[tuple[str, list[Any], dict[str, Any], str, dict[str, Any]]] = [
    ("trigger_workflow", ["lead_created", {"lead_id": "l1"}], {},
     "process_trigger", {"trigger_type": "lead_created", "trigger_data": {"lead_id": "l1"}}),
    ("execute_workflow", ["wf_1"], {"variables": {"offer": 5}},
     "execute_workflow", {"workflow_id": "wf_1", "variables": {"offer": 5}}),
    ("schedule_workflow", ["wf_1"], {"at": SOON, "trigger_data": {"lead_id": "l1"}},
     "execute_scheduled_workflow", {"workflow_id": "wf_1", "trigger_data": {"lead_id": "l1"}}),
    ("send_email", [], {"to": "ana@example.com", "subject": "Hi", "text": "there",
                        "from_": "gym@example.com"},
     "send_email", {"to": ["ana@example.com"], "subject": "Hi", "text": "there",
                    "from": "gym@example.com"}),
    ("send_sms", [], {"to": ["+447700900123"], "message": "Hi"},
     "send_sms", {"to": ["+447700900123"], "message": "Hi"}),
    ("send_whatsapp", [], {"to": "+447700900123", "template": "reschedule-class"},
     "send_whatsapp", {"to": ["+447700900123"], "template": "reschedule-class"}),
    ("update_lead", ["l1", {"score": 5}], {"reason": "asked"},
     "update_lead", {"lead_id": "l1", "updates": {"score": 5}, "reason": "asked"}),
    ("add_tag", ["l1", "vip"], {}, "add_tag", {"lead_id": "l1", "tag": "vip"}),
    ("record_consent", [], {"channel": "sms", "address": "07911 123456", "status": "granted",
                            "source": "form:trial", "occurred_at": SOON},
     "record_consent", {"channel": "sms", "address": "07911 123456", "status": "granted",
                        "source": "form:trial",
                        "occurred_at": SOON.isoformat().replace("+00:00", "Z")}),
    *(
        (f"upsert_{entity}", ["r1", {"name": "Ana", "day": NOON.date()}], {"occurred_at": NOON},
         "upsert_records",
         {"records": [{"entity": entity, "id": "r1", "fields": {"name": "Ana", "day": "2026-11-25"},
                       "occurred_at": "2026-11-25T12:00:00Z"}]})
        for entity in ("contact", "user", "booking", "class_session", "membership", "payment",
                       "task", "note", "opportunity")
    ),
    ("upsert_organisation", [{"name": "Iron"}], {}, "upsert_records",
     {"records": [{"entity": "organisation", "id": "org_iron", "fields": {"name": "Iron"}}]}),
    ("upsert_holiday", [date(2026, 12, 25)], {"name": "Christmas"}, "upsert_records",
     {"records": [{"entity": "holiday", "id": "2026-12-25",
                   "fields": {"name": "Christmas", "closed": True}}]}),
    ("track_event", ["email_opened"], {"lead_id": "l1"},
     "track_event", {"event": "email_opened", "lead_id": "l1"}),
]  # fmt: skip


def call(asynchronous: bool, settings: Settings, method: str, *args: Any, **kwargs: Any) -> Any:
    if not asynchronous:
        with CrmClient.from_settings(settings) as crm:
            return getattr(crm, method)(*args, **kwargs)

    async def run() -> Any:
        async with AsyncCrmClient.from_settings(settings) as crm:
            return await getattr(crm, method)(*args, **kwargs)

    return asyncio.run(run())


@pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "asyncio"])
@pytest.mark.parametrize(("method", "args", "kwargs", "kind", "payload"), CALLS)
def test_a_method_enqueues_its_kind_once(
    settings: Settings, asynchronous: bool, method: str, args: list[Any], kwargs: dict[str, Any],
    kind: str, payload: dict[str, Any],
):  # fmt: skip
    made = [call(asynchronous, settings, method, "org_iron", *args, job_id="j", **kwargs)
            for _ in range(2)]  # fmt: skip
    assert [ref.created for ref in made] == [True, False]
    job = find_original(settings, "j")
    assert job is not None
    assert (job.kind, job.org, job.payload) == (kind, "org_iron", payload)
    with CrmClient.from_settings(settings) as crm:
        state = crm.status("j").state
    assert state == (JobState.SCHEDULED if "at" in kwargs else JobState.WAITING)


def test_both_clients_have_the_same_methods():
    def methods(of: type) -> dict[str, list[str]]:
        parts = [vars(part) for part in of.__mro__ if part.__module__.startswith("processors.")]
        own = {name: f for part in parts for name, f in part.items() if inspect.isfunction(f)}
        return {name: list(inspect.signature(f).parameters) for name, f in own.items()}

    assert methods(CrmClient) == methods(AsyncCrmClient)
    assert set(methods(CrmClient)) == {method for method, *_ in CALLS} | {
        "schedule_bulk_communication",
        "upsert_many",
    }


@pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "asyncio"])
def test_many_records_are_reported_in_jobs_of_500(settings: Settings, asynchronous: bool):
    records = ({"entity": "contact", "id": f"c{number}"} for number in range(1_001))
    refs = call(asynchronous, settings, "upsert_many", "org_iron", records)
    jobs = [find_original(settings, ref.id) for ref in refs]
    assert [len(job.payload["records"]) for job in jobs if job] == [500, 500, 1]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "asyncio"])
@pytest.mark.parametrize(
    ("method", "args", "kwargs", "wrong"),
    [
        ("send_whatsapp", [], {"to": "+447700900123"}, "exactly one of message, template"),
        ("send_email", [], {"to": "ana@example.com", "subject": "Hi", "txt": "there"}, "txt"),
        ("update_lead", ["l1", {}], {}, "updates"),
        ("upsert_contact", ["", {}], {}, "id"),
        ("upsert_contact", ["c1", {"a": "\x00"}], {}, "NUL"),
        ("upsert_contact", ["c1", {}], {"occurred_at": datetime(2030, 1, 1)}, "timezone"),  # noqa: DTZ001
        ("upsert_many", [[{"entity": "robot", "id": "r"}]], {}, "entity"),
        ("add_tag", ["l1", ""], {}, "tag"),
        ("trigger_workflow", ["lead_creatd", {}], {}, "did you mean lead_created"),
        ("schedule_workflow", ["wf_1"], {"at": datetime(2030, 1, 1)}, "at"),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_what_does_not_validate_is_refused_and_named(
    settings: Settings, asynchronous: bool, method: str, args: list[Any], kwargs: dict[str, Any],
    wrong: str,
):  # fmt: skip
    with pytest.raises(InvalidJobError, match=wrong):
        call(asynchronous, settings, method, "org_iron", *args, **kwargs)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "asyncio"])
def test_a_bulk_message_is_handed_over_in_parts(settings: Settings, asynchronous: bool):
    numbers = [f"+4477009{n:05}" for n in range(501)]
    made = [
        call(
            asynchronous, settings, "schedule_bulk_communication", "org_iron", "sms",
            iter(numbers), "offer", campaign_id=uuid.UUID(int=7), name="Spring",
        )
        for _ in range(2)
    ]  # fmt: skip
    assert made == [(uuid.UUID(int=7), 2, 501)] * 2
    jobs = [f"campaign-{uuid.UUID(int=7)}-part-{part}" for part in (0, 1)]
    with CrmClient.from_settings(settings) as crm:
        assert crm.states([*jobs, jobs[0].replace("part-0", "part-2")]) == dict.fromkeys(
            jobs, JobState.WAITING
        )
