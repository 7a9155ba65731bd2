"""The repository of a transaction, over the tables that the settings choose."""

from sqlalchemy.orm import Session

from processors.crm.repository.own import OWN
from processors.crm.repository.protocol import Repository
from processors.crm.repository.sql import SqlRepository


def repository_of(session: Session) -> Repository:
    """The repository of a session of `processors.database.engine.Database`; one a transaction."""
    known: Repository | None = session.info.get("repository")
    if known is None:
        known = SqlRepository(
            session, OWN, default_country=str(session.info.get("default_country", "GB"))
        )
        session.info["repository"] = known
    return known
