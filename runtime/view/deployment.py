"""One deployment, opened: what its readers and controls have in common."""

from dataclasses import dataclass
from typing import Self

from runtime.application import load_application
from runtime.broker import open_broker
from runtime.broker.broker import Broker
from runtime.broker.keys import QueueNames
from runtime.catalogue.catalogue import Catalogue
from runtime.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment's settings, with the connection, catalogue and queue names that they give."""

    settings: Settings
    broker: Broker
    catalogue: Catalogue
    names: QueueNames

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The deployment of those settings; connects on first use.

        Raises:
            CatalogueError: the application cannot be loaded.
        """
        catalogue = load_application(settings.application).catalogue
        return cls(
            settings,
            open_broker(settings),
            catalogue.for_environment(settings.environment),
            QueueNames(settings.queue_prefix),
        )


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
