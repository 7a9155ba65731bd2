"""What a producer hands over is refused in one line of ours, or runs as it was meant."""

import enum
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.broker.keys import QueueNames
from runtime.catalogue.catalogue import Priority
from runtime.client import AtlasClient, Flow, NewJob
from runtime.errors import InvalidJobError, InvalidPayloadError, UnknownKindError
from runtime.jobs import envelope
from runtime.jobs.new_job import Unique
from runtime.middleware import TraceContext
from runtime.sanitize.text import safe
from tests.runtime.engine_app import Note, application

FAR = timezone(timedelta(hours=-23))


class Org(str, enum.Enum):  # noqa: UP042 - this kind prints as its name
    IRON = "org_iron"


class Longer(Note):
    extra: int = 0


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
HUGE = 10**5000
MUTATED = Note(text="x")
MUTATED.__dict__["text"] = 5
WRONG: list[tuple[str, dict[str, Any]]] = [
    (argument, {argument: value})
    for argument, values in {
        "kind": [None, 5, b"echo", [], {}, "\ud800", "echo\0", "", Unprintable()],
        "org": [None, 5, b"o", [], "", "a b", "\ud800", "o\0", "o" * 101, True],
        "payload": [
            None, 5, "text", b"{}", [], [("text", "x")], {1: 2}, {b"text": "x"}, {"text": None},
            {"text": b"\xff"}, {"text": "\ud800"}, {"text": 5}, {"nope": 1}, {"seconds": "x"},
            {"seconds": float("nan")}, {"seconds": float("inf")}, {"seconds": HUGE},
            Longer(text="x", extra=1), Note.model_construct(text=5, _fields_set={"text"}),
            MUTATED, NewJob("echo", "o", {}), Note,
        ],
        "priority": [2, "high", 0, True, 1.5, HUGE, [], b"1"],
        "delay": [
            5, 0, False, "5", 1.5, float("nan"), timedelta(-1), timedelta.max, [],
            datetime(2030, 1, 1, tzinfo=UTC),
        ],
        "at": [
            5, "2030-01-01", datetime(2030, 1, 1), datetime(2030, 1, 1).date(), timedelta(1),  # noqa: DTZ001
            datetime.max.replace(tzinfo=FAR), [],
        ],
        "job_id": [5, b"j", "", "a:b", "a b", "j\0", "\ud800", "j" * 201, [], False],
        "concurrency_key": [5, b"k", "", "a b", "k\n", "\ud800", [], "k" * 201],
        "concurrency": [0, -1, 1.5, "2", None, True, HUGE, float("inf"), []],
        "not_after": [5, "tomorrow", datetime(2030, 1, 1), datetime.min.replace(tzinfo=UTC, year=1)  # noqa: DTZ001
                      .astimezone(UTC).replace(tzinfo=timezone(timedelta(hours=23)))],
        "expired": ["", "keep", None, 5, [], b"drop"],
        "unique": [
            "k", 5, {"key": "k"}, Unique(5), Unique(None), Unique(""), Unique("a b"),
            Unique("k", "nope"), Unique("k", None), Unique("k", []), Unique("k", "throttle"),
            Unique("k", "throttle", 5), Unique("k", "reject", timedelta(1)),
            Unique("k", "throttle", timedelta(microseconds=1)),
            Unique("k", "throttle", timedelta.max),
        ],
        "headers": [
            None, 5, [], "x", {"a": 1}, {1: "a"}, {"a": None}, {b"a": "b"}, {"a": "\ud800"},
            {"\ud800": "a"}, {"a": "b" * 3000},
        ],
    }.items()
    for value in values
]  # fmt: skip


def is_one_harmless_line(error: Exception) -> bool:
    return safe(str(error), 10_000) == str(error) != ""


@pytest.mark.parametrize(("argument", "wrong"), WRONG)
@pytest.mark.parametrize("layers", [(), (TraceContext(),)], ids=["plain", "middleware"])
def test_a_wrong_argument_is_refused_in_one_line(
    engine, broker, raw: redis.Redis, argument: str, wrong: dict[str, Any], layers: tuple[Any, ...]
) -> None:
    client = client_with(engine, broker, layers)
    with pytest.raises(InvalidJobError) as refused:
        client.enqueue(**{"kind": "echo", "org": "o", "payload": {}} | wrong)
    assert is_one_harmless_line(refused.value)
    assert len(str(refused.value)) < 700
    with pytest.raises(InvalidJobError):
        client.enqueue_many([NewJob(**{"kind": "echo", "org": "o", "payload": {}} | wrong)])
    assert raw.dbsize() == 0


def client_with(engine, broker, layers: tuple[Any, ...] = ()) -> AtlasClient:
    return AtlasClient(
        broker,
        application.catalogue.for_environment("test"),
        QueueNames(engine.queue_prefix),
        max_payload_bytes=1 << 20,
        middleware=layers,
    )


OK = NewJob("echo", "o", {})
CALLS: list[Callable[[AtlasClient], Any]] = [
    lambda c: c.enqueue_many("echo"),
    lambda c: c.enqueue_many(b"echo"),
    lambda c: c.enqueue_many(None),
    lambda c: c.enqueue_many(5),
    lambda c: c.enqueue_many(OK),
    lambda c: c.enqueue_many({"kind": "echo"}),
    lambda c: c.enqueue_many(["echo"]),
    lambda c: c.enqueue_many([OK, None]),
    lambda c: c.enqueue_many([("echo", "o", {})]),
    lambda c: c.enqueue_many([Flow(OK, [OK])]),
    lambda c: c.enqueue_batch("jobs", then=OK),
    lambda c: c.enqueue_batch(None, then=OK),
    lambda c: c.enqueue_batch([], then=OK),
    lambda c: c.enqueue_batch(["echo"], then=OK),
    lambda c: c.enqueue_batch([OK], then=None),
    lambda c: c.enqueue_batch([OK], then="echo"),
    lambda c: c.enqueue_batch([OK], then=OK, on_failure="explode"),
    lambda c: c.enqueue_batch([OK], then=OK, on_failure=None),
    lambda c: c.enqueue_batch([OK], then=OK, on_failure=[]),
    lambda c: c.enqueue_flow(None),
    lambda c: c.enqueue_flow(OK),
    lambda c: c.enqueue_flow(Flow(None, [OK])),
    lambda c: c.enqueue_flow(Flow(OK, None)),
    lambda c: c.enqueue_flow(Flow(OK, "ab")),
    lambda c: c.enqueue_flow(Flow(OK, [None])),
    lambda c: c.enqueue_flow(Flow(OK, [Flow(OK, [5])])),
    lambda c: c.flow_progress(None),
    lambda c: c.flow_progress(5),
    lambda c: c.flow_progress("\ud800"),
    lambda c: c.flow_progress("a b"),
    lambda c: c.schedule("echo", org="o", payload={}),
    lambda c: c.schedule("echo", org="o", payload={}, delay=5),
    lambda c: c.schedule("echo", org="o", payload={}, delay=timedelta(1), at=datetime.now(UTC)),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("layers", [(), (TraceContext(),)], ids=["plain", "middleware"])
def test_a_wrong_call_is_refused_in_one_line(engine, broker, call, layers) -> None:
    with pytest.raises(InvalidJobError) as refused:
        call(client_with(engine, broker, layers))
    assert is_one_harmless_line(refused.value)


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(HUGE), st.floats(), st.binary(max_size=20),
    st.text(st.characters(), max_size=30), st.datetimes(), st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(), st.lists(st.integers(), max_size=3), st.just(Org.IRON), st.just(Unprintable()),
    st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), st.floats(), max_size=3),
    st.sampled_from(Priority), st.builds(object), st.just(nested(300)), st.just(CIRCLE),
    st.builds(Unique, st.text(max_size=5), st.sampled_from(["reject", "throttle", "x", None])),
    st.dictionaries(
        st.sampled_from(["text", "seconds"]),
        st.recursive(
            st.one_of(st.floats(), st.text(st.characters(), max_size=5), st.integers(), st.none()),
            lambda inner: st.lists(inner, max_size=3), max_leaves=5,
        ),
    ),
)  # fmt: skip
ARGUMENTS = ["kind", "org", "payload", "priority", "delay", "at", "job_id", "concurrency_key",
             "concurrency", "not_after", "expired", "unique", "headers"]  # fmt: skip


@settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(ARGUMENTS), ANYTHING, min_size=1, max_size=3))
def test_anything_is_refused_in_one_line_or_can_be_run(client, raw, arguments) -> None:
    raw.flushdb()
    try:
        ref = client.enqueue(**{"kind": "echo", "org": "o", "payload": {}} | arguments)
    except InvalidJobError as error:
        assert is_one_harmless_line(error)  # noqa: PT017 - it may be raised or not
        assert raw.dbsize() == 0
        return
    message = envelope.decode(raw.hget(f"rq:job:{ref.id}", "data"), max_bytes=1 << 20)
    application.catalogue.kind(message.kind).payload.model_validate(message.payload)
    assert set(message.org) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
    )


def test_members_of_a_text_enumeration_are_their_value(client, raw) -> None:
    client.enqueue("fair", org=Org.IRON, payload={}, job_id="j")
    assert raw.hget("rq:job:j", "description") == b"fair org_iron"
    assert raw.exists("rq:rl:dev:test:fair|org_iron:rate_limited")


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"seconds": float("nan")}, "NaN"),
        ({"text": "\ud800"}, "not JSON|valid string"),
        (MUTATED, "text: Input should be a valid string"),
        (Longer(text="x", extra=1), "extra: Extra inputs"),
    ],
)
def test_what_a_worker_could_not_read_is_refused_at_once(client, payload, says) -> None:
    with pytest.raises(InvalidPayloadError, match=says):
        client.enqueue("echo", org="o", payload=payload)


def test_a_long_name_of_a_kind_is_not_repeated_whole(client) -> None:
    with pytest.raises(UnknownKindError) as refused:
        client.enqueue("x" * 10_000, org="o", payload={})
    assert len(str(refused.value)) < 500
