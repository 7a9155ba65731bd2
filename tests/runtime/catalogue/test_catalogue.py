import pytest
from pydantic import BaseModel

from runtime.broker.keys import QueueNames, queue_of
from runtime.catalogue.catalogue import Catalogue, Kind, Priority, Queue, RateLimit
from runtime.errors import CatalogueError, UnknownKindError, UnknownQueueError


class Empty(BaseModel):
    pass


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(CatalogueError) as error:
        Catalogue(
            [Queue("Bad Name", 1), Queue("a:b", 0), Queue("a:b", 1, RateLimit(0))],
            [
                Kind("send-x", "a:b", Empty, "m:f"),
                Kind("ok", "nowhere", Empty, "m.f", timeout_s=0, hint=("ghost",)),
                Kind("other", "a:b", Empty, "m:f", aliases=("ok",)),
            ],
        )
    text = str(error.value)
    for problem in (
        "'Bad Name'", "a:b: named twice", "slots must be", "a rate needs", "'send-x'",
        "no queue 'nowhere'", "module:function", "timeout_s", "ghost", "used twice",
    ):  # fmt: skip
        assert problem in text


def test_unknown_names_list_what_is_allowed() -> None:
    catalogue = Catalogue([Queue("a:b", 1)], [Kind("k", "a:b", Empty, "m:f", aliases=("old",))])
    assert catalogue.kind("old").name == "k"
    with pytest.raises(UnknownKindError, match="allowed: k"):
        catalogue.kind("nope")
    with pytest.raises(UnknownQueueError, match="allowed: a:b"):
        catalogue.queue("nope")


def test_production_doubles_slots_and_keeps_longer() -> None:
    catalogue = Catalogue([Queue("a:b", 5), Queue("a:c", 1, scale_in_production=False)], [])
    production = catalogue.for_environment("production")
    assert (production.queue("a:b").slots, production.queue("a:c").slots) == (10, 1)
    assert production.queue("a:b").retention.finished_count == 500
    assert catalogue.for_environment("test").queue("a:b").slots == 5


@pytest.mark.parametrize("priority", list(Priority))
def test_lanes_there_and_back(priority: Priority) -> None:
    names = QueueNames("dev")
    lane = names.lane("communication:email", priority)
    assert names.split(lane) == ("communication:email", priority)
    assert queue_of(lane) == "dev:communication:email"
