"""Where the CRM's data are."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from runtime.config import validators as checks
from runtime.config.sources import SettingsGroup, Variable


def _database_url(value: str) -> None:
    """Refuse databases that the migrations do not know."""
    if not re.match(r"(sqlite|postgres(ql)?)(\+\w+)?://", value):
        raise ValueError("does not start with an allowed scheme")


def _default_database(value: Any) -> Any:
    """Where nothing is set: a file in the user's state directory (XDG Base Directory)."""
    if value is not None:
        return value
    try:
        state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    except RuntimeError:  # no HOME, and no entry in the list of users
        raise ValueError(
            "is not set, and its default lies in a home directory that does not exist; set it, or "
            "HOME, or XDG_STATE_HOME"
        ) from None
    return f"sqlite:///{state}/atlas-queue/atlas.db"


class DatabaseSettings(SettingsGroup):
    """Where the CRM's data are."""

    url: Annotated[
        SecretStr,
        BeforeValidator(_default_database),
        Variable("DATABASE_URL", "sqlite:///path, or postgresql://user:password@host/name",
                 default="SQLite at `~/.local/state/atlas-queue/atlas.db`"),
        checks.url(_database_url),
    ] = Field(default=None, validate_default=True,
              description="Database of contacts, workflows and messages.")  # fmt: skip
    crm_schema: Annotated[
        Literal["own", "supabase"], checks.Lower, Variable("CRM_SCHEMA", "own or supabase")
    ] = Field(
        "own",
        description="Whose tables hold contacts, bookings, memberships and so on: "
        "`own` ones, or those of the CRM in the same PostgreSQL database (`supabase`).",
    )

    @field_validator("crm_schema")
    @classmethod
    def _theirs_is_postgresql(cls, value: str, info: ValidationInfo) -> str:
        url = info.data.get("url")
        if value != "own" and url is not None and url.get_secret_value().startswith("sqlite"):
            raise ValueError("needs a DATABASE_URL of the CRM's PostgreSQL database")
        return value
