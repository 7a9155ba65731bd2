"""The CRM's settings: where its data are, and who sends its messages.

Read like the engine's (environment and ``.env``, every problem at once): `Settings.of`.
"""

from pydantic import Field

from processors.settings.database import DatabaseSettings
from processors.settings.messaging import MessagingSettings
from processors.settings.reception import UnsubscribeSettings, WebhookSettings
from processors.settings.workflow import WorkflowSettings
from runtime.config.sources import SettingsGroup

__all__ = [
    "CrmSettings",
    "DatabaseSettings",
    "MessagingSettings",
    "UnsubscribeSettings",
    "WebhookSettings",
    "WorkflowSettings",
]


class CrmSettings(SettingsGroup):
    """All settings of the CRM: ``settings.of(CrmSettings)``."""

    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    messaging: MessagingSettings = Field(default_factory=MessagingSettings)
    unsubscribe: UnsubscribeSettings = Field(default_factory=UnsubscribeSettings)
    workflow: WorkflowSettings = Field(default_factory=WorkflowSettings)
    webhooks: WebhookSettings = Field(default_factory=WebhookSettings)
