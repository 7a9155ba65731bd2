"""Our own row of an organisation of the CRM: workflows, messages and activities refer to it."""

from typing import TYPE_CHECKING, cast

from sqlalchemy import Connection, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from processors.crm.repository.protocol import Record
from processors.database.models import Organisation, utc_now

if TYPE_CHECKING:
    from sqlalchemy import Table

_TABLE = cast("Table", Organisation.__table__)
_COPIED = ("name", "email", "phone", "timezone", "country", "business_hours", "settings")


def mirror_organisation(connection: Session | Connection, organisation: Record) -> None:
    """Make our row say what the CRM's says; nothing is written where it does."""
    row = {name: organisation[name] for name in _COPIED}
    row |= {"country": str(row["country"])[:2], "name": str(row["name"])[:200]}
    new = insert(_TABLE).values(id=organisation["id"], field_times={}, created_at=utc_now(), **row)
    changed = or_(*(_TABLE.c[name].is_distinct_from(new.excluded[name]) for name in _COPIED))
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["id"],
            set_={name: new.excluded[name] for name in _COPIED},
            where=changed,
        )
    )
