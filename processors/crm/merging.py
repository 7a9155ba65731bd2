"""How reports of one record become one: of each field the newest value, in whatever order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from processors.crm.repository.protocol import Ties

_CUSTOM = "custom_fields."
_OLDEST = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """A record after a report.

    Attributes:
        record: all fields.
        written: those that must be stored, ``field_times`` and times of the row among them.
        changes: of each field of the record that differs, its value before and after; a custom
            field has its own name.
    """

    record: dict[str, Any]
    written: frozenset[str]
    changes: dict[str, tuple[Any, Any]]


def merge(
    stored: Mapping[str, Any],
    fields: Mapping[str, Any],
    *,
    occurred_at: datetime,
    has_times: bool = True,
    ties: Ties = "later",
) -> Merged:
    """Merge a report into a record.

    Of each field the value with the newest `occurred_at` stays. None never overwrites; an empty
    text clears the field.

    Args:
        stored: the record, with ``custom_fields``, ``field_times``, ``created_at`` and
            ``updated_at``.
        fields: cleaned, see `processors.crm.entities.clean`.
        occurred_at: when the report was true.
        has_times: the record says of each field when it was true. Otherwise the time of the whole
            row stands for all: an older report only fills in what is empty.
        ties: which of two values of the same time stays: that of the ``later`` call, or the
            ``greater`` one, so that the order in which reports arrive does not matter.
    """
    times = dict(stored["field_times"]) if has_times else {}
    custom = dict(stored["custom_fields"])
    record = dict(stored)
    changes: dict[str, tuple[Any, Any]] = {}
    at = _stamp(occurred_at)
    for name, value, target in _values(fields, record, custom):
        before = target.get(name)
        key = _CUSTOM + name if target is custom else name
        since = times.get(key, _OLDEST) if has_times else _row_time(stored, before)
        after = None if value == "" and target is record else value
        if not _wins(at, since, after, before, ties):
            continue
        times[key] = at
        if after != before:
            target[name] = after
            changes[name] = (before, after)
    if custom != stored["custom_fields"]:
        record["custom_fields"] = custom
    if has_times:
        record["field_times"] = times
        record["created_at"] = min(stored["created_at"], occurred_at)
    if has_times or changes:
        record["updated_at"] = max(stored["updated_at"], occurred_at)
    written = frozenset(name for name, value in record.items() if value != stored[name])
    return Merged(record, written, changes)


def created(
    record_id: str,
    org: str,
    fields: Mapping[str, Any],
    defaults: Mapping[str, Any],
    *,
    occurred_at: datetime,
) -> dict[str, Any]:
    """A new record of a report: what it does not say is `defaults`."""
    custom = dict(fields.get("custom_fields", {}))
    known = {
        name: None if value == "" else value
        for name, value in fields.items()
        if name != "custom_fields"
    }
    at = _stamp(occurred_at)
    return {
        **defaults,
        **{name: value for name, value in known.items() if value is not None},
        "org_id": org,
        "id": record_id,
        "custom_fields": custom,
        "field_times": dict.fromkeys([*known, *(_CUSTOM + name for name in custom)], at),
        "created_at": occurred_at,
        "updated_at": occurred_at,
    }


def changed_since(record: Mapping[str, Any], name: str, moment: datetime) -> bool:
    """Whether a field got its value at `moment` or later, as far as the record knows."""
    times = record.get("field_times")
    if times:
        key = name if name in times else _CUSTOM + name
        return bool(times.get(key, _OLDEST) >= _stamp(moment))
    changed = record.get("updated_at")
    return changed is not None and changed >= moment


def _values(
    fields: Mapping[str, Any], record: dict[str, Any], custom: dict[str, Any]
) -> list[tuple[str, Any, dict[str, Any]]]:
    """Each value with the mapping that it goes into."""
    own = [(name, value, record) for name, value in fields.items() if name != "custom_fields"]
    others = [(name, value, custom) for name, value in fields.get("custom_fields", {}).items()]
    return [entry for entry in own + others if entry[1] is not None]


def _wins(at: str, since: str, after: Any, before: Any, ties: Ties) -> bool:
    if at != since:
        return at > since
    return ties == "later" or _order(after) >= _order(before)


def _order(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _row_time(stored: Mapping[str, Any], before: Any) -> str:
    return _OLDEST if before is None else _stamp(stored["updated_at"])


def _stamp(moment: datetime) -> str:
    """In UTC and of one width, so that texts sort as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
