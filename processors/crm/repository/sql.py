"""The repository over SQL tables: few statements, each compiled once."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import (
    Connection,
    Table,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from processors.addresses.countries import country_code
from processors.crm.entities import ENTITIES, clean
from processors.crm.fields import Place
from processors.crm.merging import created, merge
from processors.crm.repository.dated import DatedPages, equals
from processors.crm.repository.finding import search_contact
from processors.crm.repository.mapping import CrmSchema, TableMap
from processors.crm.repository.mirror import mirror_organisation
from processors.crm.repository.protocol import Entity, Record, Report, Ties, Upserted
from processors.crm.repository.values import read_value, write_value
from processors.database.models import Activity, Holiday, ScoreChange
from processors.errors import DefinitionError
from processors.texts.wording import zone_of

_ACTIVITIES = cast("Table", Activity.__table__)
_HOLIDAYS = cast("Table", Holiday.__table__)
_SCORES = cast("Table", ScoreChange.__table__)
_DAYS = select(_HOLIDAYS.c.day).where(_HOLIDAYS.c.org_id == bindparam("org"))
_MOST_REASON = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SqlRepository(DatedPages):
    """See `processors.crm.repository.protocol.Repository`; make one for each transaction.

    Rows that it locked are remembered, so nothing else may write them in the same transaction.

    Args:
        connection: a session or connection in a transaction.
        schema: which tables.
        default_country: of organisations whose row names none.
    """

    def __init__(
        self, connection: Session | Connection, schema: CrmSchema, *, default_country: str = "GB"
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._default_country = default_country
        bind = connection.get_bind() if isinstance(connection, Session) else connection
        is_postgresql = bind.dialect.name == "postgresql"
        self._insert = postgresql.insert if is_postgresql else sqlite.insert
        self._locked: dict[tuple[str, Entity, str], tuple[TableMap, dict[str, Any]]] = {}
        self._organisations: dict[str, Record] = {}

    def organisation(self, org: str) -> Record | None:
        """The organisation; read once a transaction."""
        if (known := self._organisations.get(org)) is not None:
            return known
        table = self._schema.organisations
        query = table.everything.where(table.column("id") == bindparam("org"))
        try:
            values = {"org": _key(table, "id", org)}
        except ValueError:
            return None
        row = self._connection.execute(query, values).mappings().one_or_none()
        if row is None:
            return None
        record = dict.fromkeys(("email", "phone")) | {
            str(name): read_value(value, None) for name, value in row.items()
        }
        record["country"] = record.get("country") or self._default_country
        record["timezone"] = record.get("timezone") or "Europe/London"
        record["settings"] = record.get("settings") or {}
        record["business_hours"] = record.get("business_hours") or {}
        if self._schema.name != "own":
            mirror_organisation(self._connection, record)
        self._organisations[org] = record
        return record

    def holidays(self, org: str) -> frozenset[date]:
        """Days on which it is closed."""
        return frozenset(self._connection.execute(_DAYS, {"org": org}).scalars())

    def get(self, org: str, entity: Entity, record_id: str, *, lock: bool = False) -> Record | None:
        """One record."""
        return self.get_many(org, entity, (record_id,), lock=lock).get(record_id)

    def get_many(
        self, org: str, entity: Entity, record_ids: Iterable[str], *, lock: bool = False
    ) -> dict[str, Record]:
        """Those of the records that exist."""
        found: dict[str, Record] = {}
        missing = []
        for record_id in dict.fromkeys(record_ids):
            if (known := self._locked.get((org, entity, record_id))) is not None:
                found[record_id] = known[1]
            else:
                missing.append(record_id)
        found.update(
            (record_id, record)
            for record_id, (_, record) in self._read(org, entity, missing, lock=lock).items()
        )
        return found

    def find_contact(self, org: str, *, email: str | None, phone: str | None) -> Record | None:
        """The contact of an address or a number."""
        if not email and not phone:
            return None
        place = self._place(org)
        for table in self._schema.tables["contact"]:
            row = search_contact(
                self._connection, table, org, email=email, phone=phone, country=place.country
            )
            if row is not None:
                record = table.read(row, ENTITIES["contact"].kinds)
                known = self._locked.get((org, "contact", record["id"]))
                return record if known is None else known[1]
        return None

    def find(
        self, org: str, entity: Entity, where: Mapping[str, Any], *, limit: int = 1_000
    ) -> list[Record]:
        """Records whose fields equal `where`."""
        kinds = ENTITIES[entity].kinds
        found: list[Record] = []
        for table in self._schema.tables[entity]:
            query = table.everything.where(table.column("org_id") == _key(table, "org_id", org))
            for name, value in where.items():
                query = query.where(equals(table, entity, name, value))
            order = (table.column("created_at"), table.column("id"))
            rows = self._connection.execute(query.order_by(*order).limit(limit)).mappings()
            found += [table.read(row, kinds) for row in rows]
        found.sort(key=lambda record: (record["created_at"], record["id"]))
        return found[:limit]

    def check(self, org: str, entity: Entity, record_id: str, fields: Record) -> None:
        """Refuse what `upsert` would refuse."""
        cleaned = clean(entity, fields, self._place(org))
        record = self._fresh(org, entity, Report(record_id, fields, _EPOCH), cleaned)
        table = _home(self._schema.tables[entity], record)
        table.write(record, frozenset(record))

    def page(
        self, org: str, entity: Entity, *, cursor: str | None, limit: int
    ) -> tuple[list[Record], str | None]:
        """All records, some at a time: table after table, each by its ids' order."""
        tables = self._schema.tables[entity]
        number, _, last = (cursor or "0:").partition(":")
        table = tables[int(number)]
        query = table.everything.where(table.column("org_id") == org)
        if last:
            query = query.where(table.column("id") > last)
        query = query.order_by(table.column("id")).limit(limit)
        kinds = ENTITIES[entity].kinds
        found = [table.read(row, kinds) for row in self._connection.execute(query).mappings()]
        if len(found) == limit:
            return [*found], f"{number}:{found[-1]['id']}"
        following = int(number) + 1
        return [*found], f"{following}:" if following < len(tables) else None

    def upsert(
        self,
        org: str,
        entity: Entity,
        record_id: str,
        fields: Record,
        *,
        occurred_at: datetime,
        ties: Ties = "later",
    ) -> Upserted:
        """Create a record or merge fields into it."""
        report = Report(record_id, fields, occurred_at)
        return self.upsert_many(org, entity, [report], ties=ties)[0]

    def upsert_many(
        self, org: str, entity: Entity, reports: Sequence[Report], *, ties: Ties = "greater"
    ) -> list[Upserted]:
        """`upsert` for many."""
        place = self._place(org)
        cleaned = [(report, clean(entity, report.fields, place)) for report in reports]
        new = self._insert_new(org, entity, cleaned)
        written: dict[str, set[str]] = defaultdict(set)
        outcomes = []
        for report, fields in cleaned:
            key = (org, entity, report.id)
            table, record = self._locked[key]
            if report.id in new:
                new.discard(report.id)
                changes = {name: (None, value) for name, value in _flat(fields).items()}
                outcomes.append(Upserted(record, is_new=True, changes=changes))
                continue
            merged = merge(
                record,
                fields,
                occurred_at=report.occurred_at,
                has_times=table.has_times,
                ties=ties,
            )
            self._locked[key] = (table, merged.record)
            written[report.id] |= merged.written
            outcomes.append(Upserted(merged.record, is_new=False, changes=merged.changes))
        self._update(org, entity, written)
        return outcomes

    def add_activities(self, activities: Iterable[Mapping[str, Any]]) -> int:
        """Rows of `Activity`."""
        rows = [{"source": "event", "data": {}, **row} for row in activities]
        if not rows:
            return 0
        statement = self._insert(_ACTIVITIES).on_conflict_do_nothing()
        added = self._connection.execute(statement.returning(_ACTIVITIES.c.id), rows)
        return len(added.all())

    def count_activities(
        self, org: str, contact_id: str, types: Iterable[str], *, since: datetime | None
    ) -> int:
        """How many activities of these types a contact has."""
        query = select(func.count()).where(
            _ACTIVITIES.c.org_id == org,
            _ACTIVITIES.c.contact_id == contact_id,
            _ACTIVITIES.c.type.in_(list(types)),
        )
        if since is not None:
            query = query.where(_ACTIVITIES.c.occurred_at >= since)
        return self._connection.execute(query).scalar_one()

    def add_score_change(
        self,
        org: str,
        contact_id: str,
        *,
        before: int,
        after: int,
        reason: str,
        at: datetime,
        key: uuid.UUID,
    ) -> bool:
        """A row of history; False, and nothing is written, if there is one with that key."""
        row = {
            "id": key.hex,
            "org_id": org,
            "contact_id": contact_id,
            "previous_score": before,
            "new_score": after,
            "reason": reason[:_MOST_REASON] or None,
            "changed_at": at,
        }
        statement = self._insert(_SCORES).on_conflict_do_nothing().returning(_SCORES.c.id)
        return self._connection.execute(statement, row).first() is not None

    def _place(self, org: str) -> Place:
        """Where reports of that organisation come from.

        Raises:
            ValueError: there is no such organisation, or its country or zone is none.
        """
        organisation = self.organisation(org)
        if organisation is None:
            raise ValueError(f"there is no organisation {org!r}")
        try:
            country = country_code(organisation["country"])
        except ValueError as error:
            raise ValueError(
                f"the country {organisation['country'][:20]!r} of {org} {error}; "
                "allowed: two letters, such as GB"
            ) from None
        try:
            return Place(country, zone_of(organisation))
        except DefinitionError as error:
            raise ValueError(str(error)) from None

    def _read(
        self, org: str, entity: Entity, ids: Iterable[str], *, lock: bool
    ) -> dict[str, tuple[TableMap, dict[str, Any]]]:
        missing = sorted(set(ids))
        kinds = ENTITIES[entity].kinds
        found: dict[str, tuple[TableMap, dict[str, Any]]] = {}
        for table in self._schema.tables[entity]:
            if not missing:
                break
            query = table.by_id.with_for_update() if lock else table.by_id
            try:
                values = _keys(table, org, missing)
            except ValueError:
                continue  # such ids cannot be in that table
            rows = self._connection.execute(query, values).mappings()
            for row in rows:
                record = table.read(row, kinds)
                found[record["id"]] = (table, record)
            missing = [record_id for record_id in missing if record_id not in found]
        if lock:
            self._locked.update(((org, entity, key), entry) for key, entry in found.items())
        return found

    def _insert_new(
        self, org: str, entity: Entity, cleaned: Sequence[tuple[Report, dict[str, Any]]]
    ) -> set[str]:
        """Lock what is there and insert what is not; the ids of those."""
        unknown = {r.id for r, _ in cleaned if (org, entity, r.id) not in self._locked}
        self._read(org, entity, unknown, lock=True)
        fresh: dict[str, tuple[TableMap, dict[str, Any]]] = {}
        for report, fields in cleaned:
            if report.id in fresh or (org, entity, report.id) in self._locked:
                continue
            record = self._fresh(org, entity, report, fields)
            fresh[report.id] = (_home(self._schema.tables[entity], record), record)
        inserted: set[str] = set()
        for table in self._schema.tables[entity]:
            records = [record for home, record in fresh.values() if home is table]
            inserted |= self._insert_into(table, records)
        self._locked.update(((org, entity, key), fresh[key]) for key in inserted)
        if lost := set(fresh) - inserted:
            # Another transaction was quicker, and has committed.
            self._read(org, entity, lost, lock=True)
            for record_id in sorted(lost):
                if (org, entity, record_id) not in self._locked:
                    raise ValueError(f"the id {record_id[:60]!r} is another organisation's")
        return inserted

    @staticmethod
    def _fresh(org: str, entity: Entity, report: Report, fields: Record) -> dict[str, Any]:
        """A new record of a report, with every field."""
        known = ENTITIES[entity]
        record = created(report.id, org, fields, known.defaults, occurred_at=report.occurred_at)
        return dict.fromkeys(known.kinds) | record

    def _insert_into(self, table: TableMap, records: Sequence[dict[str, Any]]) -> set[str]:
        if not records:
            return set()
        rows = []
        for record in sorted(records, key=lambda record: str(record["id"])):
            row = table.write(record, frozenset(record)) | dict(table.constants)
            rows.append(row)
        statement = self._insert(table.table).on_conflict_do_nothing()
        result = self._connection.execute(statement.returning(table.column("id")), rows)
        return {str(record_id) for record_id in result.scalars()}

    def _update(self, org: str, entity: Entity, written: Mapping[str, set[str]]) -> None:
        """Write what changed; rows of the same columns share a statement."""
        groups: dict[tuple[TableMap, tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
        for record_id, names in written.items():
            if not names:
                continue
            table, record = self._locked[org, entity, record_id]
            # Always: the column would otherwise get the host's time of this statement.
            values = table.write(record, frozenset({*names, "updated_at"}))
            columns = tuple(sorted(values))
            row = {f"new_{name}": values[name] for name in columns}
            keys = {"org": _key(table, "org_id", org), "key": _key(table, "id", record_id)}
            groups[table, columns].append(keys | row)
        for (table, columns), rows in groups.items():
            statement = (
                update(table.table)
                .where(table.column("org_id") == bindparam("org"))
                .where(table.column("id") == bindparam("key"))
                .values({name: bindparam(f"new_{name}") for name in columns})
            )
            self._connection.execute(statement, rows if len(rows) > 1 else rows[0])


def _key(table: TableMap, name: str, value: str) -> Any:
    return write_value(name, value, table.column(name).type)


def _keys(table: TableMap, org: str, ids: Sequence[str]) -> dict[str, Any]:
    return {"org": _key(table, "org_id", org), "ids": [_key(table, "id", one) for one in ids]}


def _home(tables: Sequence[TableMap], record: Mapping[str, Any]) -> TableMap:
    """The table that a new record goes into."""
    for table in tables:
        if all(record[name] == value for name, value in table.given.items()):
            return table
    return tables[0]


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in fields.items() if name != "custom_fields" and value != ""}
    return {**own, **fields.get("custom_fields", {})}
