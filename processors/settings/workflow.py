"""What workflows may call outside."""

import re
import ssl
from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
)

from runtime.config.sources import SettingsGroup, Variable


def _listed(value: str) -> list[str]:
    return [part.strip().lower() if "=" not in part else part for part in value.split(",") if part]


def _hosts(value: str | None) -> str | None:
    for part in _listed(value or ""):
        if not re.fullmatch(r"(\[[0-9a-f:]+\]|[a-z0-9_.-]+):[0-9]{1,5}", part):
            raise ValueError("names a host without a port, or none")
    return value


def _named_secrets(value: SecretStr | None) -> SecretStr | None:
    for part in _listed(value.get_secret_value() if value is not None else ""):
        if not re.fullmatch(r"\s*[A-Za-z][A-Za-z0-9_-]{0,59}\s*=\s*\S{8,500}\s*", part):
            raise ValueError("is not name=value, or a value has fewer than 8 characters")
    return value


def _certificates(value: str | None) -> str | None:
    if value is not None:
        try:
            ssl.create_default_context(cafile=value)
        except OSError:
            raise ValueError("cannot be read as certificates") from None
    return value


class WorkflowSettings(SettingsGroup):
    """What workflows may call outside."""

    http_allowed_hosts: Annotated[
        str | None, AfterValidator(_hosts),
        Variable("WORKFLOW_HTTP_ALLOWED_HOSTS", "host:port, separated by commas"),
    ] = Field(None, description="Besides public addresses over https: what `http_request` may call "
              "at any address, by http too.")  # fmt: skip
    http_secrets: Annotated[
        SecretStr | None, AfterValidator(_named_secrets),
        Variable("WORKFLOW_HTTP_SECRETS", "name=value, separated by commas"),
    ] = Field(None, description="Secrets that `http_request` signs with or sends; definitions name "
              "them.")  # fmt: skip
    http_ca_file: Annotated[
        str | None,
        AfterValidator(_certificates),
        Variable("WORKFLOW_HTTP_CA_FILE", "a file of certificates (PEM)"),
    ] = Field(None, description="Authorities that `http_request` trusts in place of the system's.")

    def trusted_hosts(self) -> frozenset[str]:
        """``host:port`` of what may be called at any address."""
        return frozenset(_listed(self.http_allowed_hosts or ""))

    def secrets(self) -> dict[str, str]:
        """The secrets by name."""
        given = self.http_secrets.get_secret_value() if self.http_secrets is not None else ""
        named = (part.partition("=") for part in _listed(given))
        return {name.strip(): value.strip() for name, _, value in named}
