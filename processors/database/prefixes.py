"""Finding a row by its id, or by as many of its first characters as name it alone."""

import uuid
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from runtime.errors import AtlasError

Row = TypeVar("Row")
# Below that, an id that was typed by mistake would soon name something else.
LEAST = 8
_HEXADECIMAL = frozenset("0123456789abcdef")


class NoSuchRowError(AtlasError):
    """What an operator named as an id is none, or is that of several rows."""


def find_by_prefix(
    session: Session, model: type[Row], ident: str, noun: str, *, lock: bool = False
) -> Row:
    """The row of a table whose key is a UUID in the column ``id``.

    Args:
        session: to read with.
        model: of the table.
        ident: an id with or without its dashes, or at least its first `LEAST` digits.
        noun: what a row is called, for the errors.
        lock: lock it until the transaction ends.

    Raises:
        NoSuchRowError: there is none, or there are several; one line.
    """
    digits = ident.lower().replace("-", "")
    article = "an" if noun[0] in "aeiou" else "a"
    if len(digits) < LEAST or not _HEXADECIMAL.issuperset(digits):
        raise NoSuchRowError(
            f"{ident[:40]!r} is no id of {article} {noun}; allowed: at least {LEAST} hexadecimal "
            "digits"
        )
    if len(digits) > 32:
        raise NoSuchRowError(f"there is no {noun} {ident[:40]}")
    column: Any = model.id  # type: ignore[attr-defined]
    first, last = uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))
    query = select(model).where(column.between(first, last)).limit(2)
    found = session.scalars(query.with_for_update() if lock else query).all()
    if not found:
        raise NoSuchRowError(f"there is no {noun} {ident[:40]}")
    if len(found) > 1:
        raise NoSuchRowError(f"several {noun}s begin with {ident[:40]}; give more of the id")
    return found[0]
