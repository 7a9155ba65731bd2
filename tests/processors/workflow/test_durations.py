"""Waits: every spelling that stored definitions use, and clear refusals."""

from datetime import timedelta

import pytest

from processors.errors import DefinitionError
from processors.workflow.durations import duration


@pytest.mark.parametrize(
    ("config", "seconds"),
    [
        ({"waitType": "duration", "duration": {"value": 2, "unit": "hours"}}, 7_200),
        ({"duration": 3, "unit": "days"}, 259_200),
        ({"duration": 1, "unit": "Hour"}, 3_600),
        ({"delay": {"type": "fixed", "value": 2, "unit": "seconds"}}, 2),
        ({"type": "fixed", "value": 2, "unit": "seconds"}, 2),
        ({"baseDelay": {"value": 2, "unit": "days"}}, 172_800),
        ({"amount": "1.5", "unit": "h"}, 5_400),
        ({"type": "dynamic", "baseValue": 4, "unit": "weeks"}, 2_419_200),
        ({"duration": "2 hours"}, 7_200),
        ({"duration": "1d 12h"}, 129_600),
        ({"duration": "90", "unit": "minutes"}, 5_400),
        ({"duration": "PT2H30M"}, 9_000),
        ({"duration": "p1d"}, 86_400),
        ({"minutes": 5, "seconds": 30}, 330),
        ({"value": 500, "unit": "ms"}, 0.5),
        ({"value": 0, "unit": "seconds"}, 0),
    ],
)
def test_spellings(config, seconds):
    assert duration(config) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "names no duration; allowed: a number with a unit"),
        ({"duration": 3}, "unit is none; allowed: seconds"),
        ({"duration": 3, "unit": "moons"}, "unit is 'moons'"),
        ({"duration": "soon"}, "'soon' is no duration"),
        ({"duration": "P"}, "is no duration"),
        ({"duration": -1, "unit": "hours"}, "allowed: 0 to 366 days"),
        ({"duration": 1e300, "unit": "weeks"}, "allowed: 0 to 366 days"),
        ({"duration": float("nan"), "unit": "weeks"}, "allowed: 0 to 366 days"),
        ({"duration": True, "unit": "hours"}, "names no duration"),
        ({"type": "schedule", "cron": "* * * * *"}, "not supported; allowed: duration"),
        ({"duration": 1, "unit": "hours", "businessHoursOnly": True}, "business hours"),
        ({"duration": 1, "unit": "hours", "conditions": [{}]}, "delay modifier needs"),
        ({"duration": 1, "unit": "hours", "conditions": ["x"]}, "delay modifier needs"),
    ],
)
def test_refusals(config, words):
    with pytest.raises(DefinitionError, match=words):
        duration(config)


@pytest.mark.parametrize(
    ("change", "hours"),
    [
        ({"operation": "multiply", "value": 0.5}, 1),
        ({"operation": "add", "value": 30, "unit": "minutes"}, 2.5),
        ({"operation": "set", "value": 5, "unit": "hours"}, 5),
    ],
)
def test_modifiers(change, hours):
    config = {
        "baseDelay": {"value": 2, "unit": "hours"},
        "conditions": [{"condition": {"field": "opened"}, "delayModifier": change}],
    }
    assert duration(config, holds=lambda _: True) == timedelta(hours=hours)
    assert duration(config, holds=lambda _: False) == timedelta(hours=2)
