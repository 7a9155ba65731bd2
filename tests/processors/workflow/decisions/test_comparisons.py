"""Every comparison, over values of every kind that stored conditions compare."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.errors import DefinitionError
from processors.texts.values import MISSING, moment
from processors.workflow.decisions.comparisons import compare, comparisons

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

TABLE = [
    ("equals", "Gold", "gold", True),
    ("equals", "50", 50, True),
    ("equals", 50, 51, False),
    ("equals", "true", True, True),
    ("equals", 1, True, True),
    ("equals", "maybe", True, False),
    ("equals", MISSING, None, False),
    ("equals", "007", "7", False),
    ("equals", "1e3", "1000", False),
    ("equals", 120210000000000124, "120210000000000123", False),
    ("equals", 120210000000000124, 120210000000000123, False),
    ("equals", 0.1, "0.10", True),
    ("equals", "Ze\u0301", "z\u00e9", True),
    ("contains", [120210000000000124], 120210000000000123, False),
    ("in", 120210000000000124, "120210000000000123", False),
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
    ("between", 11, {"min": 1}, True),
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
    ("after", "", "2026-03-10", False),
    ("days_ago_less_than", "2026-03-09T12:00:00", 2, True),
    ("days_ago_less_than", "2026-03-01", 2, False),
    ("days_ago_greater_than", "2026-03-01", 7, True),
    ("days_ago_greater_than", MISSING, 7, False),
    ("greaterThan", 2, 1, True),
    ("equals", ["a", "B"], ["b", "A", "a"], True),
    ("equals", ["a"], ["a", "b"], False),
    ("equals", [], [], True),
    ("not_equals", [1, 2], ["2", 1.0], False),
    ("equals", "2026-11-25T14:00Z", "2026-11-25 14:00:00+00:00", True),
    ("equals", "2026-11-25", "2026-11-25T00:00", True),
    ("equals", "20261125", "2026-11-25", False),
    ("in", "2026-11-25", ["2026-11-25T00:00:00Z"], True),
    ("regex", "07700 900123", r"^0\d{4} ", True),
    ("matches_regex", "Ana", "(?i)^an", True),
    ("matches", 42, "^4", True),
    ("regex", MISSING, "x", False),
    ("not_matches_regex", "Ana", "^B", True),
    ("regex", "a" * 5_000, "(a+)+$", True),
    ("regex", "a" * 5_000 + "!", "(a|aa)+$", False),
    ("Greater Than", 2, 1, True),
]


@pytest.mark.parametrize(("operator", "actual", "expected", "result"), TABLE)
def test_comparison(operator, actual, expected, result):
    assert compare(operator, actual, expected, now=NOW) is result


def test_every_comparison_is_in_the_table_with_both_results():
    covered = {}
    for operator, actual, expected, _ in TABLE:
        covered.setdefault(operator, set()).add(compare(operator, actual, expected, now=NOW))
    for name in ("equals", "between", "contains", "in", "has_any", "has_all", "before", "is_set"):
        assert name in covered
    assert set(comparisons()) <= set(covered) | {
        "greater_than_or_equal", "less_than_or_equal", "has_none", "is_not_set",
    }  # the last under their aliases gte, <=, not_has_tag, not_exists  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "actual", "expected", "result"),
    [
        ("equals", 120210000000000124, 120210000000000123, False),
        ("equals", 120210000000000124, "120210000000000124", True),
        ("equals", "1.0", "1", False),
        ("equals", "0042", "42", False),
        ("equals", "aBc", "AbC", False),
        ("equals", " f1 ", "f1", True),
        ("equals", 7.0, "7", True),
        ("equals", True, "1", False),
        ("equals", None, None, False),
        ("strict_equals", 7, "7", True),
        ("not_equals", "1.0", 1, True),
        ("in", 124, ["123", "124"], True),
        ("in", "1.0", "1, 2", False),
        ("contains", [124], "0124", False),
        ("has_any", ["a", 2], "2", True),
    ],
)
def test_ids_compare_as_text(operator, actual, expected, result):
    assert compare(operator, actual, expected, now=NOW, ids=True) is result


TOKYO, LONDON = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("zone", "operator", "actual", "now", "result"),
    [
        # 21:45 in Tokyo is 12:45 UTC: 14:00 there is over, whatever UTC says.
        (TOKYO, "after", "2026-11-25T14:00:00", "2026-11-25T12:45", False),
        (UTC, "after", "2026-11-25T14:00:00", "2026-11-25T12:45", True),
        (TOKYO, "after", "2026-11-25T14:00:00+00:00", "2026-11-25T12:45", True),
        (TOKYO, "before", "2026-11-26", "2026-11-25T15:30", True),
        (TOKYO, "days_ago_less_than", "2026-11-24T23:00", "2026-11-25T12:45", True),
        (UTC, "days_ago_less_than", "2026-11-24T12:00", "2026-11-25T12:45", False),
        # 01:30 does not exist when the clocks go forward: it is 02:30, 01:30 UTC.
        (LONDON, "before", "2026-03-29T01:30", "2026-03-29T01:31", True),
        (LONDON, "before", "2026-03-29T01:30", "2026-03-29T01:29", False),
        # 01:30 exists twice when they go back: it is the first, 00:30 UTC.
        (LONDON, "before", "2026-10-25T01:30", "2026-10-25T00:31", True),
        (LONDON, "before", "2026-10-25T01:30", "2026-10-25T00:29", False),
    ],
)
def test_dates_without_a_zone_are_read_by_the_gyms_clock(zone, operator, actual, now, result):
    expected = 1 if operator.startswith("days") else "now"
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert compare(operator, actual, expected, now=at, zone=zone) is result


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("2026-03-10T24:00:00", "2026-03-11T00:00"), ("2026-03-10T24:00Z", "2026-03-11T00:00Z"),
        ("2026-03-10 24:00:00.000+09:00", "2026-03-11T00:00+09:00"),
        ("20260310T240000", "20260311T000000"), ("2026-12-31T24", "2027-01-01"),
        ("2026-W11-2T24:00", "2026-W11-3"),
    ],
)  # fmt: skip
def test_the_end_of_a_day_is_the_next_midnight(written, same):
    assert moment(written, TOKYO) == moment(same, TOKYO) is not None


@pytest.mark.parametrize(
    ("operator", "actual", "expected", "words"),
    [
        ("resembles", 1, "x", "allowed: after, before, between"),
        ("contains", True, "x", "true and 'x' cannot be compared as texts"),
        ("starts_with", {"a": 1}, "x", r'{"a": 1} and \'x\' cannot be compared'),
        ("ends_with", "x", [1], r"'x' and \[1\] cannot be compared"),
        ("regex", "x", "(", r"the pattern '\(': missing \)"),
        ("regex", MISSING, "(", r"the pattern '\('"),
        ("regex", "x", r"(a)\1", "invalid escape sequence"),
        ("regex", "x", 5, "must be a text, not 5"),
        ("regex", [1], "x", r"\[1\] is no text that 'x' could match"),
        ("regex", "x", "a" * 501, "longer than 500"),
        ("equals", [1] * 1_001, [], "a list of 1001 items; allowed: up to 1000"),
        ("after", "soon", "2026-03-10", "'soon' is no date; .* compared with '2026-03-10'"),
        ("between", 1, [1], "two bounds"),
        ("days_ago_less_than", 1, "soon", "number of days"),
        ("before", 1, "tomorrow-ish", "ISO 8601, or 'now', not 'tomorrow-ish'"),
        ("after", "no date", "2026-03-10", "'no date' is no date; allowed: ISO 8601"),
        ("after", "25/11/2026", "now", "'25/11/2026' is no date"),
        ("before", 1764072000, "now", "1764072000 is no date"),
        ("days_ago_greater_than", "2026-02-30", 3, "'2026-02-30' is no date"),
        ("before", "9" * 5_000, "now", "999… is no date"),
        ("greater_than", "abc", 50, "'abc' and 50 cannot be ordered"),
        ("less_than", "2026-03-10", 50, "cannot be ordered; allowed: two numbers, or two dates"),
        ("greater_than", 50, None, "needs a value"),
        ("greater_than", {"a": True}, 50, r'{"a": true} and 50 cannot be ordered'),
        ("greater_than", True, "9", "^true and '9' cannot be ordered"),
        ("less_than", [None, False], 1, r"^\[null, false\] and 1 cannot be ordered"),
        ("before", 1, True, "'now', not true"),
        ("before", "2026-03-10T24:00:01", "now", "'2026-03-10T24:00:01' is no date"),
        ("before", "2026-03-10T24:30", "now", "'2026-03-10T24:30' is no date"),
        ("before", "9999-12-31T24:00", "now", "'9999-12-31T24:00' is no date"),
    ],
)
def test_what_cannot_be_decided_says_what_is_allowed(operator, actual, expected, words):
    with pytest.raises(DefinitionError, match=words) as error:
        compare(operator, actual, expected, now=NOW)
    assert "\n" not in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(comparisons()), JSON | st.just(MISSING), JSON)
def test_any_two_values_compare_or_are_named(operator, actual, expected):
    try:
        assert compare(operator, actual, expected, now=NOW, zone=TOKYO) in (True, False)
    except DefinitionError as error:
        assert len(str(error)) < 300  # noqa: PT017 - either way is right
