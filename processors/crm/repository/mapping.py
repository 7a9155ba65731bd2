"""Where each entity's fields are: tables and columns as data, for one schema or another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Column, RowMapping, Table, bindparam, select
from sqlalchemy.sql import Select

from processors.crm.fields import Kind
from processors.crm.repository.protocol import Entity
from processors.crm.repository.values import read_json, read_value, write_json, write_value

# What a record has beside its own fields.
ABOUT = ("org_id", "id", "custom_fields", "field_times", "created_at", "updated_at")
_FULL_NAME = "full_name"
_NAMES = ("first_name", "last_name")


@dataclass(frozen=True, eq=False)
class TableMap:
    """One table that holds records of an entity.

    Attributes:
        table: as SQLAlchemy sees it.
        columns: by our names, theirs; fields without a column become custom fields.
        values: by our names, what a value of ours is called there; others stay as they are.
        read_as: by our names, what further values of theirs are called here.
        constants: of columns of theirs, the value that all rows of this entity have.
        given: fields that the table itself says, such as the type of contact that it holds.
        full_name: a column that holds first and last name in one.
    """

    table: Table
    columns: Mapping[str, str]
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    read_as: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    full_name: str | None = None

    @property
    def has_times(self) -> bool:
        """Whether the table says of each field when it was true."""
        return "field_times" in self.columns

    def column(self, name: str) -> Column[Any]:
        """The column of a field of ours."""
        found: Column[Any] = self.table.c[self.columns[name]]
        return found

    @cached_property
    def everything(self) -> Select[Any]:
        """Selects all rows of the entity, with our names."""
        labelled = [self.column(name).label(name) for name in self.columns]
        if self.full_name is not None:
            labelled.append(self.table.c[self.full_name].label(_FULL_NAME))
        query = select(*labelled)
        for name, value in self.constants.items():
            query = query.where(self.table.c[name] == value)
        return query

    @cached_property
    def by_id(self) -> Select[Any]:
        """Selects the rows of ``org`` with one of ``ids``, in the order of their locks."""
        own = self.column("id")
        return (
            self.everything.where(self.column("org_id") == bindparam("org"))
            .where(own.in_(bindparam("ids", expanding=True)))
            .order_by(own)
        )

    def read(self, row: RowMapping, fields: Mapping[str, Kind]) -> dict[str, Any]:
        """A record of ours from a row.

        Args:
            row: by our names, with the values of the table.
            fields: all fields of the entity; what has no column may be among the custom fields.
        """
        record = {
            str(name): read_value(value, fields.get(str(name))) for name, value in row.items()
        }
        for name, ours in self._ours.items():
            value = record.get(name)
            if isinstance(value, str):
                record[name] = ours.get(value, value)
        custom = dict(record.get("custom_fields") or {})
        if self.full_name is not None:
            first, _, last = str(record.pop(_FULL_NAME) or "").partition(" ")
            record |= {"first_name": first or None, "last_name": last or None}
        record |= {
            name: read_json(name, custom.pop(name, None), kind)
            for name, kind in fields.items()
            if name not in record
        }
        record |= self.given
        record["custom_fields"] = custom
        record.setdefault("field_times", {})
        return record

    def write(self, record: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
        """The values of the columns that hold those fields.

        Raises:
            ValueError: a field has no place in the table.
        """
        elsewhere = {*ABOUT, *self.given, *(_NAMES if self.full_name else ())}
        homeless = [n for n in record if n not in self.columns and n not in elsewhere]
        custom = dict(record["custom_fields"]) | {
            name: write_json(record[name]) for name in homeless if record[name] is not None
        }
        if custom and "custom_fields" not in self.columns:
            raise ValueError(
                f"the table {self.table.fullname} has no column for {', '.join(custom)[:200]}"
            )
        written = {name: record[name] for name in names if name in self.columns}
        if names & {"custom_fields", *homeless} and "custom_fields" in self.columns:
            written["custom_fields"] = custom
        values = {
            self.columns[name]: write_value(name, self._theirs(name, value), self.column(name).type)
            for name, value in written.items()
        }
        if self.full_name is not None and names & set(_NAMES):
            values[self.full_name] = " ".join(filter(None, (record[name] for name in _NAMES)))
        return values

    def _theirs(self, name: str, value: Any) -> Any:
        return self.values.get(name, {}).get(value, value) if isinstance(value, str) else value

    @cached_property
    def _ours(self) -> dict[str, dict[Any, Any]]:
        names = {*self.values, *self.read_as}
        return {
            name: {
                **{theirs: ours for ours, theirs in self.values.get(name, {}).items()},
                **self.read_as.get(name, {}),
            }
            for name in names
        }


@dataclass(frozen=True, eq=False)
class CrmSchema:
    """All tables of one schema.

    Attributes:
        name: as the setting ``CRM_SCHEMA`` calls it.
        tables: of each entity; a record is in the first one that has it, and new ones go into the
            first whose `TableMap.given` fits.
    """

    name: str
    tables: Mapping[Entity, tuple[TableMap, ...]]
    organisations: TableMap
