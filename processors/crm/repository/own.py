"""Our own tables, as a schema: every column has the name that it has in a record."""

from typing import TYPE_CHECKING, cast

from processors.crm.repository.mapping import CrmSchema, TableMap
from processors.database.models import (
    Booking,
    ClassSession,
    Contact,
    Membership,
    Note,
    Opportunity,
    Organisation,
    Payment,
    Task,
    User,
)
from processors.database.models.base import Base

if TYPE_CHECKING:
    from sqlalchemy import Table


def _same(model: type[Base]) -> TableMap:
    table = cast("Table", model.__table__)
    return TableMap(table, {column.name: column.name for column in table.columns})


OWN = CrmSchema(
    "own",
    {
        "contact": (_same(Contact),),
        "user": (_same(User),),
        "booking": (_same(Booking),),
        "class_session": (_same(ClassSession),),
        "membership": (_same(Membership),),
        "payment": (_same(Payment),),
        "task": (_same(Task),),
        "note": (_same(Note),),
        "opportunity": (_same(Opportunity),),
    },
    _same(Organisation),
)
