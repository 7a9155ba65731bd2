"""One deployment, opened: what its readers and controls have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from runtime.application import Application, load_application
from runtime.broker import open_broker
from runtime.broker.broker import Broker
from runtime.broker.keys import QueueNames
from runtime.catalogue.catalogue import Catalogue
from runtime.config.settings import Settings
from runtime.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment's settings, with the connection, catalogue and queue names that they give.

    `unserved`: queues that no worker with these settings would serve, each with the reason.
    """

    settings: Settings
    broker: Broker
    catalogue: Catalogue
    names: QueueNames
    unserved: Mapping[str, str]

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The deployment of those settings; connects on first use.

        Raises:
            CatalogueError: the application cannot be loaded.
        """
        application = load_application(settings.application)
        return cls(
            settings,
            open_broker(settings),
            application.catalogue.for_environment(settings.environment),
            QueueNames(settings.queue_prefix),
            _unserved(application, settings),
        )


def _unserved(application: Application, settings: Settings) -> Mapping[str, str]:
    try:
        return application.unserved(settings)
    except SettingsError:
        # Who only looks needs no settings of the application; `atlas check` names what is wrong.
        return {}


class OnDeployment:
    """Base of what reads or changes a deployment, and is closed after use."""

    def __init__(self, deployment: Deployment) -> None:
        self._settings = deployment.settings
        self._broker = deployment.broker
        self._catalogue = deployment.catalogue
        self._names = deployment.names

    def check_prefix(self) -> None:
        """Refuse to go on where the keys belong to another deployment.

        Raises:
            PrefixTakenError: they do.
            BrokerUnavailableError: Redis is away.
        """
        self._broker.check_prefix()

    def close(self) -> None:
        """Close the connections."""
        self._broker.close()
