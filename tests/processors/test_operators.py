"""Every operator, over values of every kind that stored conditions compare."""

from datetime import UTC, datetime

import pytest

from processors.errors import DefinitionError
from processors.workflow.interpolation import MISSING
from processors.workflow.operators import compare, operators

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

TABLE = [
    ("equals", "Gold", "gold", True),
    ("equals", "50", 50, True),
    ("equals", 50, 51, False),
    ("equals", "true", True, True),
    ("equals", 1, True, True),
    ("equals", "maybe", True, False),
    ("equals", MISSING, None, False),
    ("equals", None, None, True),
    ("==", "a", "a", True),
    ("eq", 1.0, "1", True),
    ("not_equals", "a", "b", True),
    ("not_equals", MISSING, "b", True),
    ("neq", 3, 3, False),
    ("strict_equals", "50", 50, False),
    ("===", 50, 50, True),
    ("strict_equals", True, 1, False),
    ("strict_not_equals", "50", 50, True),
    ("greater_than", 60, 50, True),
    ("greater_than", "60", "50", True),
    ("greater_than", 50, 50, False),
    ("greater_than", MISSING, 50, False),
    ("greater_than", "abc", 50, False),
    ("greater_than", "9", "10", False),
    (">", "2026-03-02", "2026-03-01", True),
    ("gte", 50, 50, True),
    ("less_than", 49, 50, True),
    ("less_than", None, 50, False),
    ("<=", 50, 50, True),
    ("less_equal", 51, 50, False),
    ("between", 5, [1, 10], True),
    ("between", 5, "1, 10", True),
    ("between", 11, {"min": 1, "max": 10}, False),
    ("between", 10, [1, 10], True),
    ("contains", "Morning Yoga", "yoga", True),
    ("contains", ["vip", "trial"], "VIP", True),
    ("contains", ["vip"], "vi", False),
    ("contains", MISSING, "x", False),
    ("not_contains", "spin", "yoga", True),
    ("not_contains", MISSING, "yoga", True),
    ("starts_with", "Ana", "an", True),
    ("starts_with", MISSING, "", False),
    ("ends_with", "ana@gym.uk", ".UK", True),
    ("in", "website", ["website", "walk-in"], True),
    ("in", "website", "phone, website", True),
    ("in", "email", [], False),
    ("not_in", "email", ["website"], True),
    ("exists", "x", None, True),
    ("exists", None, None, False),
    ("not_exists", MISSING, None, True),
    ("is_set", 0, None, True),
    ("is_not_set", "", None, False),
    ("is_null", None, None, True),
    ("is_not_null", MISSING, None, False),
    ("is_empty", "  ", None, True),
    ("is_empty", [], None, True),
    ("is_empty", 0, None, False),
    ("is_not_empty", "x", None, True),
    ("is_true", "yes", None, True),
    ("is_true", MISSING, None, False),
    ("is_false", False, None, True),
    ("is_false", None, None, False),
    ("has_tag", ["vip", "trial"], "trial", True),
    ("has_any", ["vip"], ["a", "VIP"], True),
    ("has_any", MISSING, ["a"], False),
    ("has_all", ["a", "b"], ["a", "b"], True),
    ("has_all", ["a"], ["a", "b"], False),
    ("not_has_tag", ["vip"], "trial", True),
    ("before", "2026-03-09", "now", True),
    ("before", "2026-03-11T00:00:00+00:00", "now", False),
    ("after", "2026-03-11", "2026-03-10", True),
    ("after", "no date", "2026-03-10", False),
    ("days_ago_less_than", "2026-03-09T12:00:00", 2, True),
    ("days_ago_less_than", "2026-03-01", 2, False),
    ("days_ago_greater_than", "2026-03-01", 7, True),
    ("days_ago_greater_than", MISSING, 7, False),
    ("greaterThan", 2, 1, True),
    ("Greater Than", 2, 1, True),
]


@pytest.mark.parametrize(("operator", "actual", "expected", "result"), TABLE)
def test_operator(operator, actual, expected, result):
    assert compare(operator, actual, expected, now=NOW) is result


def test_every_operator_is_in_the_table_with_both_results():
    covered = {}
    for operator, actual, expected, _ in TABLE:
        covered.setdefault(operator, set()).add(compare(operator, actual, expected, now=NOW))
    for name in ("equals", "between", "contains", "in", "has_any", "has_all", "before", "is_set"):
        assert name in covered
    assert set(operators()) <= set(covered) | {
        "greater_than_or_equal", "less_than_or_equal", "has_none", "is_not_set",
    }  # the last under their aliases gte, <=, not_has_tag, not_exists  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "expected", "words"),
    [
        ("matches", "x", "allowed: after, before, between"),
        ("between", [1], "two bounds"),
        ("days_ago_less_than", "soon", "number of days"),
        ("before", "tomorrow-ish", "ISO 8601"),
    ],
)
def test_what_cannot_be_decided_says_what_is_allowed(operator, expected, words):
    with pytest.raises(DefinitionError, match=words):
        compare(operator, 1, expected, now=NOW)
