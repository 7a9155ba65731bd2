"""Functions as kinds of jobs, their results, and the client for asyncio."""

import asyncio
import threading
from datetime import timedelta

import pytest

from runtime import (
    Application,
    AsyncAtlasClient,
    AtlasClient,
    CatalogueError,
    Flow,
    InvalidJobError,
    InvalidPayloadError,
    JobCanceledError,
    JobFailedError,
    NewJob,
    Priority,
    Queue,
    ResultTimeoutError,
    TraceContext,
    UnknownJobError,
    UnknownKindError,
)
from runtime.control.control import Control
from tests.runtime import function_app
from tests.runtime.conftest import WorkerCommand

MODULE = "tests.runtime.function_app"


@pytest.fixture
def own(make_settings, redis_url):
    return make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION=MODULE)


@pytest.fixture
def producer(own):
    with AtlasClient.from_settings(own) as client:
        yield client


@pytest.fixture
def served(worker: WorkerCommand, own):
    worker.start(ATLAS_APPLICATION=MODULE)
    return worker


def test_a_function_is_what_it_was_and_a_kind() -> None:
    assert function_app.add(2, right=3) == 5
    assert function_app.add.__name__ == "add"
    catalogue = function_app.app.catalogue
    kind = catalogue.kind("ship_it")
    assert kind.payload is function_app.Parcel
    assert (kind.priority, kind.hint, kind.queue) == (Priority.HIGH, ("label",), "sums")
    assert catalogue.queue("sums").slots == 20
    assert catalogue.kind("crunch").isolated
    [recurring] = function_app.app.recurring
    assert (recurring.id, recurring.kind, recurring.every_s) == ("sweep", "sweep", 300)


def test_functions_run_and_their_results_are_read(producer: AtlasClient, served) -> None:
    refs = producer.enqueue_many(
        [
            function_app.add.new(2, right=40),
            function_app.ship.new(function_app.Parcel(weight=1.5)),
            function_app.flaky.new(3),
            function_app.crunch.new([1, 2, 3]),
            function_app.nothing.new(),
        ]
    )
    values = [producer.result(ref.id, timeout=60) for ref in refs]
    assert values[:3] == [42, {"weight": 1.5, "org": "default", "attempt": 1}, 3]
    assert values[3]["sum"] == 6
    assert values[3]["pid"] not in {process.pid for process in served.started}
    assert values[4] is None
    status = producer.status(refs[2].id)
    assert (status.state, status.attempt, status.is_over, status.error) == ("finished", 3, True, "")


def test_each_way_to_enqueue_a_function(producer: AtlasClient) -> None:
    refs = [
        producer.enqueue("add", payload={"left": 1}),
        producer.enqueue(function_app.add, payload={"left": 1}),
        producer.enqueue(function_app.add.new(1), delay=timedelta(hours=1), job_id="later"),
        producer.schedule(function_app.add, payload={"left": 1}, delay=timedelta(hours=1)),
        producer.enqueue("nothing"),
    ]
    assert [producer.status(ref.id).state for ref in refs] == [
        "waiting", "waiting", "scheduled", "scheduled", "waiting",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.enqueue(function_app.add.new("two")),
        lambda c: c.enqueue(function_app.add.new(1, 2, 3)),
        lambda c: c.enqueue(function_app.add.new(1, left=2)),
        lambda c: c.enqueue(function_app.add.new(middle=2)),
        lambda c: c.enqueue(function_app.ship.new()),
        lambda c: c.enqueue(function_app.ship.new({"weight": "heavy"})),
        lambda c: c.enqueue(function_app.add.new(1), payload={"left": 1}),
        lambda c: c.enqueue(add_without_decorator),
        lambda c: c.status(5),
        lambda c: c.status("a b"),
        lambda c: c.result(None),
        lambda c: c.result("j", timeout="5"),
        lambda c: c.result("j", timeout=float("nan")),
        lambda c: c.result("j", timeout=-1),
        lambda c: c.result("j", timeout=True),
        lambda c: c.result("j", timeout=10**400),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(producer: AtlasClient, call) -> None:
    with pytest.raises(InvalidJobError) as refused:
        call(producer)
    assert "\n" not in str(refused.value)


def add_without_decorator() -> None:
    pass


def test_what_cannot_be_a_job_is_said_where_it_stands() -> None:
    app = Application()
    with pytest.raises(CatalogueError, match="define it in a module"):
        app.job()(lambda: None)

    def wrong(function, words, **options):
        function.__qualname__ = function.__name__
        with pytest.raises(CatalogueError, match=words):
            app.job(**options)(function)

    def untyped(a):
        pass

    def many(*args: int):
        pass

    def strange(lock: threading.Thread):
        pass

    def needs(a: int):
        pass

    def fine(a: int = 1):
        pass

    wrong(untyped, "argument a has no type")
    wrong(many, r"\*args cannot be checked")
    wrong(strange, "are no payload")
    wrong(needs, "each needs a default", every=timedelta(hours=1))
    wrong(fine, "whole seconds", every=timedelta(milliseconds=1500))
    wrong(fine, "lower-case words", queue="No Queue")
    wrong(fine, "hint names no payload field", hint=("b",))
    assert app.catalogue.kinds == {}
    app.job(queue=Queue("x", slots=1))(fine)
    wrong(needs, "is there already, and differs", queue=Queue("x", slots=2))


def test_how_a_job_can_have_no_result(producer: AtlasClient, served, own) -> None:
    failed = producer.enqueue(function_app.flaky.new(9))
    with pytest.raises(JobFailedError, match="ConnectionError: not yet") as error:
        producer.result(failed.id, timeout=60)
    assert (error.value.error_class, error.value.error) == ("ConnectionError", "not yet")
    canceled = producer.enqueue(function_app.refuse.new("too late"))
    with pytest.raises(JobCanceledError, match="too late"):
        producer.result(canceled.id, timeout=60)
    with pytest.raises(UnknownJobError):
        producer.result("never-was", timeout=0)
    with pytest.raises(UnknownJobError):
        producer.status("never-was")
    later = producer.enqueue(function_app.add.new(1), delay=timedelta(hours=1))
    for timeout in (0, 0.2):
        with pytest.raises(ResultTimeoutError, match="scheduled"):
            producer.result(later.id, timeout=timeout)


def test_a_job_that_is_deleted_ends_the_wait_for_it(producer: AtlasClient, own) -> None:
    ref = producer.enqueue("nothing")
    control = Control.from_settings(own, actor="a@b")
    deleting = threading.Timer(0.3, lambda: control.apply(control.plan_delete([ref.id])))
    deleting.start()
    with pytest.raises(UnknownJobError):
        producer.result(ref.id, timeout=60)
    deleting.join()
    control.close()


def test_who_waits_keeps_nobody_from_enqueueing(producer: AtlasClient) -> None:
    ref = producer.enqueue("nothing")

    def wait() -> None:
        with pytest.raises(ResultTimeoutError):
            producer.result(ref.id, timeout=3)

    waiting = [threading.Thread(target=wait) for _ in range(64)]
    for thread in waiting:
        thread.start()
    assert {producer.enqueue("nothing", job_id=f"j{n}").created for n in range(100)} == {True}
    for thread in waiting:
        thread.join()


async def test_the_same_in_asyncio(own, served) -> None:
    async with AsyncAtlasClient.from_settings(own) as client:
        refs = await client.enqueue_many(function_app.add.new(n) for n in range(60))
        values = await asyncio.gather(*(client.result(ref.id, timeout=60) for ref in refs))
        assert values == [n + 1 for n in range(60)]
        failed = await client.enqueue(function_app.flaky.new(9))
        with pytest.raises(JobFailedError, match="not yet"):
            await client.result(failed.id, timeout=60)
        flow = Flow(NewJob("nothing"), [function_app.add.new(1), function_app.add.new(2)])
        parent = await client.enqueue_flow(flow)
        assert await client.result(parent.id, timeout=60) is None
        assert (await client.flow_progress(parent.id)).finished == 2
        batch = await client.enqueue_batch([function_app.add.new(1)], then=NewJob("nothing"))
        await client.result(batch.id, timeout=60)
        later = await client.schedule("nothing", delay=timedelta(hours=1))
        assert (await client.status(later.id)).state == "scheduled"
        with pytest.raises(UnknownKindError):
            await client.enqueue("nope")
        with pytest.raises(InvalidPayloadError, match="job number 2"):
            await client.enqueue_many([function_app.add.new(1), function_app.add.new("x")])
        with pytest.raises(InvalidJobError):
            await client.enqueue("nothing", priority=2)


async def test_many_tasks_share_a_few_connections(own, raw) -> None:
    before = int(raw.info("clients")["connected_clients"])
    async with AsyncAtlasClient.from_settings(own) as client:
        refs = await asyncio.gather(*(client.enqueue("nothing") for _ in range(2_000)))
        assert len({ref.id for ref in refs}) == 2_000
        assert int(raw.info("clients")["connected_clients"]) - before <= 32


async def test_middleware_holds_in_asyncio_too(own, raw) -> None:
    async with AsyncAtlasClient.from_settings(own) as client:
        client._middleware = [TraceContext()]
        await client.enqueue("nothing", job_id="j")
    assert b"traceparent" in raw.hget("rq:job:j", "data")
