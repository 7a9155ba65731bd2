"""What is looked at before the first worker process starts: Redis, and which queues to serve."""

from collections.abc import Sequence
from contextlib import closing

import structlog

from runtime.application import Application
from runtime.broker import open_broker
from runtime.catalogue.catalogue import Catalogue
from runtime.config.settings import Settings
from runtime.control.migration import left_behind, left_behind_words
from runtime.errors import (
    BrokerError,
    BrokerPasswordError,
    BrokerUnavailableError,
    PrefixTakenError,
    SettingsError,
)

log = structlog.get_logger("atlas.supervisor")


def look_before_start(settings: Settings) -> None:
    """Refuse keys of another deployment; tell of jobs that an upgrade would strand.

    A Redis that is away is waited for by the processes, which ask again whose the keys are.

    Raises:
        BrokerPasswordError: Redis refuses the login; waiting would not help.
        PrefixTakenError: the keys are another deployment's.
    """
    try:
        with closing(open_broker(settings)) as broker:
            broker.take_prefix()
        if jobs := left_behind(settings):
            log.error(left_behind_words(settings, jobs))
    except (BrokerPasswordError, PrefixTakenError):
        raise
    except BrokerUnavailableError as error:
        log.warning("Redis is not available at the start", error=str(error))
    except BrokerError:
        # A user limited to the deployment's own keys may not look elsewhere; `atlas check` says so.
        return


def served(
    application: Application, catalogue: Catalogue, settings: Settings, wanted: Sequence[str]
) -> list[str]:
    """The wanted queues (none: all) without those that the application does not serve.

    Raises:
        UnknownQueueError: no such queue.
        SettingsError: none is left; with the reasons.
    """
    names = [catalogue.queue(name).name for name in wanted] or list(catalogue.queues)
    unserved = application.unserved(settings)
    for name in names:
        if name in unserved:
            log.error("queue not served", queue=name, reason=unserved[name])
    left = [name for name in names if name not in unserved]
    if not left:
        raise SettingsError([f"{name} is not served: {unserved[name]}" for name in names])
    return left
