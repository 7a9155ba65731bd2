"""The repository of a transaction, over the tables that the setting ``CRM_SCHEMA`` chooses."""

from typing import Any

from sqlalchemy.orm import Session

from processors.crm.repository.mapping import CrmSchema
from processors.crm.repository.own import OWN
from processors.crm.repository.protocol import Repository
from processors.crm.repository.sql import SqlRepository
from processors.crm.repository.supabase import find_tables
from processors.database.engine import Database
from runtime.errors import SettingsError

_REPOSITORY = "repository"
_TABLES = "crm_tables"


def repository_of(session: Session) -> Repository:
    """The repository of a session of `processors.database.engine.Database`; one a transaction.

    Raises:
        SettingsError: the database lacks tables of the CRM that no workflow can do without.
    """
    known: Repository | None = session.info.get(_REPOSITORY)
    if known is None:
        country = str(session.info.get("default_country", "GB"))
        known = SqlRepository(session, _schema(session), default_country=country)
        session.info[_REPOSITORY] = known
    return known


def require_crm_tables(database: Database) -> None:
    """Look at the CRM's tables before the first job needs them.

    Raises:
        SettingsError: some are missing; each named.
        DatabaseUnavailableError: the database does not answer.
    """
    with database.read() as session:
        _schema(session)


def _schema(session: Session) -> CrmSchema:
    if session.info.get("crm_schema", "own") == "own":
        return OWN
    shared: dict[str, Any] = session.info["shared"]
    if _TABLES not in shared:
        found = find_tables(session.connection())
        if found.missing:
            raise SettingsError([f"CRM_SCHEMA: {line}" for line in found.missing])
        shared[_TABLES] = found.schema
    schema: CrmSchema = shared[_TABLES]
    return schema
