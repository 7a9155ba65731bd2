from runtime.broker.calls.claim import ClaimedJob
from runtime.worker.claiming.held_jobs import Running
from runtime.worker.claiming.slots import AHEAD_S, Slots


def running(queue: str, number: int) -> Running:
    job = ClaimedJob(b"", f"{queue}{number}", queue, f"e{number}", 1, 0, "", "", "", "|")
    return Running(job, queue, 0.0, 0.0)


class Process:
    """Slots with a record of what was started and whether more was wanted."""

    def __init__(self, total: int, **queues: int) -> None:
        self.started: list[str] = []
        self.wanted = 0
        self.slots = Slots(
            total,
            queues,
            start=lambda r: self.started.append(r.job.id),
            wanted=self._want,
        )

    def _want(self) -> None:
        self.wanted += 1


def test_demand_is_what_a_queue_and_the_process_have_free() -> None:
    process = Process(5, a=3, b=10)
    assert (process.slots.demand("a"), process.slots.demand("b")) == (3, 5)
    process.slots.add(running("b", 1))
    assert (process.slots.demand("a"), process.slots.demand("b")) == (3, 4)


def test_queues_together_never_claim_more_than_the_process_can_start() -> None:
    process = Process(10, a=10, b=10, c=10)
    assert sum(process.slots.demand(name) for name in "abc") == 30
    assert process.slots.budget() == 10
    for number in range(10):
        process.slots.add(running("abc"[number % 3], number))
    assert process.slots.budget() == 0
    process.slots.give("a")
    assert process.slots.budget() == 1


def test_what_comes_ahead_starts_in_the_slot_that_frees() -> None:
    process = Process(2, a=2)
    for number in range(4):
        process.slots.add(running("a", number))
    assert process.started == ["a0", "a1"]
    assert process.slots.ahead == 2
    process.slots.give("a")
    assert process.started == ["a0", "a1", "a2"]
    assert process.slots.busy == 2


def test_a_freed_slot_serves_another_queue_that_waits_for_the_process() -> None:
    process = Process(1, a=1, b=1)
    process.slots.add(running("a", 0))
    process.slots.add(running("b", 0))
    assert process.slots.budget() == 0
    process.slots.give("a")
    assert process.started == ["a0", "b0"]


def test_more_is_wanted_when_half_of_what_is_ahead_is_used() -> None:
    process = Process(4, a=4)
    for number in range(8):
        process.slots.add(running("a", number))
    process.slots.give("a")
    assert (process.slots.ahead, process.wanted) == (3, 0)
    process.slots.give("a")
    assert (process.slots.ahead, process.wanted) == (2, 1)


def test_slow_jobs_are_not_claimed_ahead_and_quick_ones_are(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr("runtime.worker.claiming.slots.time.monotonic", lambda: now[0])
    process = Process(10, a=10)
    for number in range(10):
        process.slots.add(running("a", number))
    now[0] += 10
    process.slots.give("a")
    assert process.slots.demand("a") == 1, "one job in ten seconds: nothing ahead"
    process.slots.add(running("a", 10))
    for number in range(400):
        now[0] += AHEAD_S / 20
        process.slots.give("a")
        process.slots.add(running("a", 11 + number))
        process.slots.demand("a")
    assert process.slots.demand("a") == 10, "at most one for each slot"


def test_what_never_started_is_dropped() -> None:
    process = Process(1, a=1)
    for number in range(3):
        process.slots.add(running("a", number))
    assert [r.job.id for r in process.slots.drop_ahead()] == ["a1", "a2"]
    process.slots.give("a")
    assert process.started == ["a0"]
