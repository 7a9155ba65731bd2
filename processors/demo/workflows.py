"""The automations of the demo's gyms: the builder's JSON in ``definitions/``, in quick time.

An hour of the gym is a second of the demo: who watches for a minute sees the reminders of a class
that is booked today, and dunning's first days.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DEFINITIONS = Path(__file__).parent / "definitions"
QUICKER = 3_600
_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400, "weeks": 604_800}


def definitions() -> list[dict[str, Any]]:
    """All definitions as the builder stores them, by file name."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(DEFINITIONS.glob("*.json"))]


def quickened(value: Any) -> Any:
    """The same JSON with every span of time (``value`` with ``unit``, ``period_s``) shortened."""
    if isinstance(value, list):
        return [quickened(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    found = {key: quickened(item) for key, item in value.items()}
    if found.get("unit") in _SECONDS and isinstance(found.get("value"), int | float):
        seconds = found["value"] * _SECONDS[found["unit"]] / QUICKER
        found |= {"value": round(seconds, 3), "unit": "seconds"}
    if isinstance(period_s := found.get("period_s"), int | float):
        found["period_s"] = period_s / QUICKER
    return found
