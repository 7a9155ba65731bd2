"""The database that the settings name, for whoever needs it."""

from processors.database.engine import Database, connect
from processors.settings import CrmSettings


def database_of(settings: CrmSettings) -> Database:
    """The database; connects on first use.

    Raises:
        SettingsError: the URL cannot be used.
    """
    return connect(
        settings.database.url.get_secret_value(),
        default_country=settings.messaging.default_country,
        crm_schema=settings.database.crm_schema,
    )
