"""Conditions: kinds, groups, fields, and what cannot be decided."""

from datetime import UTC, date, datetime, timedelta

import pytest

from processors.errors import DefinitionError
from processors.workflow.decisions.conditions import Facts, holds

SCOPE = {
    "lead": {"score": 60, "tags": ["vip"], "custom_fields": {"goal": "strength"}},
    "trigger": {"class_name": "Yoga"},
    "days_since_last_login": 20,
    "engagement_score": 30,
}
ASKED: list[tuple[str, timedelta | None]] = []


def count(activity, span):
    ASKED.append((activity, span))
    return {"email_opened": 2}.get(activity, 0)


FACTS = Facts(SCOPE, datetime(2026, 3, 10, tzinfo=UTC), count)


@pytest.mark.parametrize(
    ("config", "result"),
    [
        ({"conditionType": "lead_score", "operator": "greater_than", "value": 50}, True),
        ({"conditionType": "lead_score", "operator": "less_than", "value": 50}, False),
        ({"field": "goal", "operator": "equals", "value": "Strength"}, True),
        ({"field": "{{lead.score}}", "operator": "gte", "value": 60}, True),
        ({"field": "class_name", "operator": "contains", "value": "yog"}, True),
        ({"field": "nothing", "operator": "is_set"}, False),
        ({"conditionType": "tags", "tags": ["vip", "new"]}, True),
        ({"conditionType": "tags", "operator": "has_all", "tags": ["vip", "new"]}, False),
        ({"conditionType": "tags", "operator": "not_contains", "value": "vip"}, False),
        (
            {
                "conditionType": "multi_condition",
                "logic": "AND",
                "conditions": [
                    {"field": "days_since_last_login", "operator": "greater_than", "value": 14},
                    {"field": "engagement_score", "operator": "less_than", "value": 40},
                ],
            },
            True,
        ),
        (
            {
                "logic": "or",
                "conditions": [
                    {"field": "score", "operator": "gt", "value": 90},
                    {"not": {"field": "tags", "operator": "has_tag", "value": "cold"}},
                ],
            },
            True,
        ),
        ({"NOT": [{"field": "score", "operator": "gt", "value": 1}]}, False),
        ({"conditionType": "activity", "activityType": "email_opened"}, True),
        ({"conditionType": "activity", "activityType": "sms_replied"}, False),
        (
            {
                "conditionType": "activity",
                "activityType": "sms_replied",
                "operator": "not_within",
                "timeframe": {"value": 4, "unit": "hours"},
            },
            True,
        ),
    ],
)
def test_holds(config, result):
    assert holds(config, FACTS) is result


def test_activity_is_asked_within_its_time():
    ASKED.clear()
    frame = {"value": 3, "unit": "days"}
    holds({"conditionType": "activity", "activityType": "x", "timeframe": frame}, FACTS)
    assert [("x", timedelta(days=3))] == ASKED


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "names no field and no operator"),
        ({"field": "x"}, "needs a field and an operator"),
        ({"conditionType": "weather"}, "allowed: lead_score, tags"),
        ({"conditions": []}, "at least one condition"),
        ({"conditions": ["x"]}, "at least one condition"),
        ({"logic": "XOR", "conditions": [{"field": "x", "operator": "is_set"}]}, "AND, OR, NOT"),
        ({"conditionType": "activity"}, "activityType"),
        ({"conditionType": "activity", "activityType": "x", "operator": "o"}, "within, not_within"),
    ],
)
def test_undecidable(config, words):
    with pytest.raises(DefinitionError, match=words):
        holds(config, FACTS)


def test_nesting_is_bounded():
    config = {"field": "score", "operator": "is_set"}
    for _ in range(50):
        config = {"and": [config]}
    with pytest.raises(DefinitionError, match="nested deeper"):
        holds(config, FACTS)


LONDON = {"organisation": {"timezone": "Europe/London", "country": "GB"}, "last_day": "2026-10-24"}
HOURS = {"monday": [["09:00", "12:00"], ["14:00", "22:00"]], "saturday": [["10:00", "14:00"]]}
RANGE = {"timeType": "date_range"}


@pytest.mark.parametrize(
    ("now", "config", "result"),
    [
        # 8 June 2026 is a Monday; London is an hour ahead of UTC.
        ("2026-06-08T08:00", {"timeType": "business_hours"}, True),
        ("2026-06-08T07:59", {"timeType": "business_hours"}, False),
        ("2026-06-08T11:30", {"time_condition": "business_hours"}, False),
        ("2026-06-08T20:59", {}, True),
        ("2026-06-06T09:00", {}, True),
        ("2026-06-07T09:00", {}, False),
        ("2026-06-15T09:00", {}, False),
        ("2026-06-07T23:30", {"timeType": "specific_days", "days": ["monday", "Fri"]}, True),
        ("2026-06-08T23:30", {"timeType": "specific_days", "days": "monday"}, False),
        ("2026-06-07T23:00", {**RANGE, "startDate": "2026-06-08"}, True),
        ("2026-06-07T22:59", {**RANGE, "startDate": "2026-06-08"}, False),
        ("2026-06-08T22:59", {**RANGE, "endDate": "2026-06-08"}, True),
        ("2026-06-08T23:00", {**RANGE, "endDate": "2026-06-08"}, False),
        ("2026-06-08T12:00", {**RANGE, "from": "2026-06-01", "to": "2026-06-08T13:00"}, False),
        # The day on which clocks go back has 25 hours.
        ("2026-10-25T23:59", {**RANGE, "to": "2026-10-25"}, True),
        ("2026-10-24T22:59", {**RANGE, "to": "{{last_day}}"}, True),
        ("2026-10-24T23:00", {**RANGE, "to": "{{last_day}}"}, False),
    ],
)
def test_conditions_about_the_time_go_by_the_organisations_clock(now, config, result):
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    facts = Facts(LONDON, at, count, HOURS, frozenset({date(2026, 6, 15)}))
    assert holds({"conditionType": "time_based", **config}, facts) is result


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"timeType": "full_moon"}, "'full_moon'; allowed: business_hours, specific_days"),
        ({"timeType": "specific_days"}, "names no days"),
        ({"timeType": "specific_days", "days": ["someday"]}, "days: .*someday"),
        (RANGE, "names no start and no end"),
        ({**RANGE, "start": "soon"}, "'soon' is no date"),
    ],
)
def test_a_condition_about_the_time_that_cannot_be_decided(config, words):
    with pytest.raises(DefinitionError, match=words):
        holds({"conditionType": "time_based", **config}, FACTS)
