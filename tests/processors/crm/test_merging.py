"""Reports of one record in any order, doubled or late, become the same record."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.crm.entities import ENTITIES, clean
from processors.crm.fields import Place
from processors.crm.merging import changed_since, created, merge

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)
BLANK = dict.fromkeys(ENTITIES["contact"].kinds)
DEFAULTS = ENTITIES["contact"].defaults


def at(minutes):
    return T0 + timedelta(minutes=minutes)


def after(reports, *, ties="greater", has_times=True):
    """The record after reports of (minutes, fields)."""
    record = None
    for minutes, fields in reports:
        cleaned = clean("contact", fields, Place())
        if record is None:
            new = created("c1", "org", cleaned, DEFAULTS, occurred_at=at(minutes))
            record = BLANK | new
        else:
            record = merge(
                record, cleaned, occurred_at=at(minutes), ties=ties, has_times=has_times
            ).record
    return record


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([(1, {"status": "a"}), (2, {"status": "b"})], {"status": "b"}),
        ([(2, {"status": "b"}), (1, {"status": "a"})], {"status": "b"}),
        ([(1, {"status": "a", "source": "web"}), (3, {"status": "c"}), (2, {"source": "ad"})],
         {"status": "c", "source": "ad"}),
        ([(1, {"phone": "07700 900123"}), (2, {"phone": None})], {"phone": "+447700900123"}),
        ([(1, {"phone": "07700 900123"}), (2, {"phone": ""})], {"phone": None}),
        ([(2, {"phone": ""}), (1, {"phone": "07700 900123"})], {"phone": None}),
        ([(1, {"status": "a"}), (2, {"status": ""})], {"status": "a"}),
        ([(1, {"goal": "run"}), (2, {"goal": "swim"}), (1, {"pets": 2})],
         {"custom_fields": {"goal": "swim", "pets": 2}}),
        ([(1, {"tags": ["a"]}), (2, {"tags": ["b"]})], {"tags": ["b"]}),
        ([(5, {"source": "x"}), (1, {"source": "y"})], {"created_at": at(1), "updated_at": at(5)}),
    ],
)  # fmt: skip
def test_the_newest_value_of_each_field_stays(reports, expected):
    record = after(reports)
    assert {name: record[name] for name in expected} == expected


_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["", "new", "hot", "cold", None]),
        "source": st.sampled_from(["", "web", "ad", None]),
        "score": st.sampled_from([0, 50, "70", None]),
        "tags": st.sampled_from([[], ["a"], ["b", "a"]]),
        "goal": st.sampled_from(["", "run", 7, None, ["x"]]),
        "email": st.sampled_from(["Ana@Example.com", "b@example.com", ""]),
    },
)
_REPORTS = st.lists(st.tuples(st.integers(0, 3), _FIELDS), min_size=1, max_size=4)


@given(_REPORTS)
def test_no_order_and_no_repeat_makes_a_difference(reports):
    expected = after(reports)
    for order in itertools.permutations(reports):
        assert after(order) == expected
    for repeated in reports:
        assert after([*reports, repeated]) == expected


def test_the_same_report_again_writes_nothing():
    fields = clean("contact", {"status": "hot", "goal": "run"}, Place())
    record = after([(1, {"status": "hot", "goal": "run"})])
    merged = merge(record, fields, occurred_at=at(1), ties="greater")
    assert (merged.written, merged.changes) == (frozenset(), {})


def test_of_equal_times_the_later_step_of_a_workflow_wins():
    reports = [(1, {"status": "zebra"}), (1, {"status": "ant"})]
    assert after(reports, ties="later")["status"] == "ant"
    assert after(reports, ties="greater")["status"] == "zebra"


def test_without_times_of_fields_an_older_report_only_fills_gaps():
    record = after([(5, {"status": "hot"})]) | {"field_times": {}}
    older = merge(record, {"status": "cold", "source": "web"}, occurred_at=at(1), has_times=False)
    assert older.changes == {"source": (None, "web")}
    assert older.written == {"source"}
    newer = merge(record, {"status": "cold"}, occurred_at=at(6), has_times=False)
    assert newer.record["updated_at"] == at(6)
    assert newer.written == {"status", "updated_at"}


@pytest.mark.parametrize(
    ("name", "minutes", "expected"),
    [("status", 1, True), ("status", 2, False), ("goal", 1, True), ("email", 0, False)],
)
def test_when_a_field_changed_is_known(name, minutes, expected):
    record = after([(1, {"status": "hot", "goal": "run"})])
    assert changed_since(record, name, at(minutes)) is expected
    assert changed_since(record | {"field_times": {}}, name, at(1)) is True
