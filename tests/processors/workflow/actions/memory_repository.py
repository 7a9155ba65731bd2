"""The CRM's data in memory: what an action does to them, without a database."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from processors.crm.repository.protocol import Upserted


class MemoryRepository:
    """Records by (entity, id); knows no merging by time: the last one wins."""

    def __init__(self, **records: Mapping[str, Mapping[str, Any]]) -> None:
        self.records: dict[str, dict[str, dict[str, Any]]] = {
            entity: {key: {"id": key, **fields} for key, fields in by_id.items()}
            for entity, by_id in records.items()
        }
        self.activities: list[Mapping[str, Any]] = []
        self.score_changes: dict[Any, tuple[int, int, str]] = {}
        self.gym: dict[str, Any] = {"id": "org_iron", "name": "Iron Works Gym", "country": "GB"}
        self.writes = 0

    def organisation(self, org: str) -> Mapping[str, Any] | None:
        return self.gym if org == self.gym["id"] else None

    def holidays(self, _org: str) -> frozenset[Any]:
        return frozenset()

    def get(
        self, _org: str, entity: str, record_id: str, *, lock: bool = False
    ) -> Mapping[str, Any] | None:
        found = self.records.get(entity, {}).get(record_id)
        return None if found is None else dict(found)

    def find_contact(
        self, _org: str, *, email: str | None, phone: str | None
    ) -> Mapping[str, Any] | None:
        for record in self.records.get("contact", {}).values():
            if (email and record.get("email") == email) or (phone and record.get("phone") == phone):
                return dict(record)
        return None

    def find(
        self, _org: str, entity: str, where: Mapping[str, Any], *, limit: int = 1_000
    ) -> list[Mapping[str, Any]]:
        def fits(record: Mapping[str, Any]) -> bool:
            return all(
                record.get(key) in (value if isinstance(value, list) else [value])
                for key, value in where.items()
            )

        return [dict(r) for r in self.records.get(entity, {}).values() if fits(r)][:limit]

    def upsert(
        self,
        _org: str,
        entity: str,
        record_id: str,
        fields: Mapping[str, Any],
        *,
        occurred_at: datetime,
    ) -> Upserted:
        known = self.records.setdefault(entity, {})
        before = known.get(record_id)
        changes = {
            key: ((before or {}).get(key), value)
            for key, value in fields.items()
            if value is not None and (before or {}).get(key) != value
        }
        known[record_id] = {
            "id": record_id,
            **(before or {}),
            **{key: value for key, (_, value) in changes.items()},
        }
        self.writes += bool(changes)
        return Upserted(known[record_id], before is None, changes)

    def add_activities(self, activities: Iterable[Mapping[str, Any]]) -> None:
        self.activities += activities

    def count_activities(
        self, _org: str, contact_id: str, types: Iterable[str], *, since: datetime | None
    ) -> int:
        wanted = set(types)
        return sum(a["contact_id"] == contact_id and a["type"] in wanted for a in self.activities)

    def add_score_change(
        self,
        _org: str,
        _contact_id: str,
        *,
        before: int,
        after: int,
        reason: str,
        at: datetime,
        key: Any,
    ) -> bool:
        if key in self.score_changes:
            return False
        self.score_changes[key] = (before, after, reason)
        return True
