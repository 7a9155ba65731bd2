"""JSON from people and programs: whatever it is, one line, at every place that takes it."""

import datetime as dt
import math
from typing import Any

import pytest

from processors.client import CrmClient
from runtime.catalogue.recurring import Recurring
from runtime.client import NewJob
from runtime.config.settings import Settings
from runtime.errors import InvalidJobError
from tests.runtime.cli.conftest import Command, one_line

LONG = "9" * 5_000
PLACES = (
    ["enqueue", "echo", "--org", "o", "--data"],
    ["trigger", "lead_created", "--org", "o", "--data"],
    ["cron", "set", "r", "echo", "--org", "o", "--every", "60", "--data"],
)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
@pytest.mark.parametrize(
    "text",
    [
        '{"text": ' + LONG + "}", '{"text": -' + LONG + "}",
        '{"a": [' + LONG + "]}", "{", "[]", LONG,
        "[" * 100_000, '{"a":' * 100_000, "", "nul", '"x"', "{'a': 1}", '{"a": 1}}',
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_what_is_no_usable_object_is_one_line(
    atlas: Command, place: list[str], text: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place[0] == "trigger":  # the CRM's own command
        monkeypatch.setenv("ATLAS_APPLICATION", "tests.runtime.cli.twin_crm")
    file = tmp_path / "data.json"
    file.write_text(text)
    for given in (text, f"@{file}"):
        done = atlas(*place, given)
        assert done.code == 2, done
        assert "--data" in one_line(done.err)
        assert len(done.err) < 500


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"text": ' + LONG + "}", "a number of more than 4300 digits is not allowed"),
        ('{"text": [-' + LONG + "]}", "a number of more than 4300 digits is not allowed"),
        ('{"a":' * 100_000, "it is nested too deep"),
        ("{", "not JSON: Expecting property name"),
    ],
    ids=("number", "negative", "deep", "broken"),
)
def test_the_reason_names_what_is_allowed_and_nothing_of_python(
    atlas: Command, place: list[str], text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATLAS_APPLICATION", "tests.runtime.cli.twin_crm")
    done = atlas(*place, text)
    assert words in one_line(done.err)
    assert "sys." not in done.err
    assert "recursion" not in done.err


@pytest.mark.parametrize(
    "value",
    [10**5_000, [-(10**5_000)], {"a": {"b": 10**4_300}}],
    ids=["number", "list", "object"],
)
def test_the_client_refuses_a_number_that_no_worker_could_read(
    make_settings, redis_url: str, value: Any
) -> None:
    settings: Settings = make_settings(
        REDIS_URL=redis_url, ATLAS_APPLICATION="tests.runtime.cli.twin_crm"
    )
    payload = {"event": "x", "data": {"n": value}}
    with CrmClient.from_settings(settings) as client:
        for call in (
            lambda: client.enqueue("track_event", org="o", payload=payload),
            lambda: client.enqueue_many([NewJob("track_event", "o", payload)]),
            lambda: client.trigger_workflow("o", "lead_created", {"n": value}),
        ):
            with pytest.raises(InvalidJobError, match="digits is not allowed"):
                call()
        fine = {"event": "x", "data": {"n": 10**4_299, "text": LONG}}
        assert client.enqueue("track_event", org="o", payload=fine).created


@pytest.mark.parametrize(
    "value",
    [10**5_000, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), {1, 2}, object()],
    ids=["number", "time", "set", "object"],
)
def test_a_recurring_job_refuses_what_json_cannot_hold(value: Any) -> None:
    with pytest.raises(InvalidJobError, match=r"^payload: ") as refused:
        Recurring("r", "echo", "o", {"a": value}, every_s=60).to_json()
    assert "\n" not in str(refused.value)
    assert Recurring("r", "echo", "o", {"a": 1.5, "b": -math.pi}, every_s=60).to_json()
