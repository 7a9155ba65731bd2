"""Finding a person by address or number, however either was once written down."""

from typing import Any

from sqlalchemy import Connection, RowMapping, func, or_
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from processors.addresses.mail_address import address_spelling
from processors.addresses.phone import spelling
from processors.crm.repository.mapping import TableMap
from processors.crm.repository.values import write_value

# Enough digits to leave few rows to read, and few enough to be the same in every spelling.
_LAST_DIGITS = 6
_SIGNS = " -().+/\u00a0"


def search_contact(
    connection: Session | Connection,
    table: TableMap,
    org: str,
    *,
    email: str | None,
    phone: str | None,
    country: str,
) -> RowMapping | None:
    """The oldest row of the organisation with that address, else with that number.

    Rows that the CRM wrote before this version, or beside it, hold addresses and numbers as people
    typed them: they are found too.

    Args:
        connection: in any transaction.
        table: where contacts are.
        org: the organisation.
        email: an address.
        phone: a number.
        country: whose numbers are written without a country code.
    """
    org_key = write_value("org_id", org, table.column("org_id").type)
    everyone = table.everything.where(table.column("org_id") == org_key).order_by(
        table.column("created_at"), table.column("id")
    )
    email = address_spelling(email) if email else None
    phone = spelling(phone, country) if phone else None
    for name, value in (("email", email), ("phone", phone)):
        if value:
            query = everyone.where(table.column(name) == value).limit(1)
            if (found := connection.execute(query).mappings().first()) is not None:
                return found
    if email and (found := _by_other_address(connection, table, everyone, email)) is not None:
        return found
    if phone and phone.startswith("+"):
        return _by_other_number(connection, table, everyone, phone, country)
    return None


def _by_other_number(
    connection: Session | Connection,
    table: TableMap,
    everyone: Select[Any],
    phone: str,
    country: str,
) -> RowMapping | None:
    column = table.column("phone")
    digits = func.replace(column, _SIGNS[0], "")
    for sign in _SIGNS[1:]:
        digits = func.replace(digits, sign, "")
    query = everyone.where(
        # What is stored in the one spelling was looked for already.
        or_(column.not_like("+%"), *(column.like(f"%{sign}%") for sign in " -().")),
        digits.like(f"%{phone.partition(' ')[0][-_LAST_DIGITS:]}%"),
    )
    for row in connection.execute(query).mappings():
        if row["phone"] and spelling(row["phone"], country) == phone:
            return row
    return None


def _by_other_address(
    connection: Session | Connection, table: TableMap, everyone: Select[Any], email: str
) -> RowMapping | None:
    column = table.column("email")
    query = everyone.where(
        # The domain may be written in Unicode or in ASCII, and a name may stand before it all.
        func.lower(column).contains(f"{email.partition('@')[0]}@", autoescape=True),
    )
    for row in connection.execute(query).mappings():
        if row["email"] and address_spelling(row["email"]) == email:
            return row
    return None
