"""The only package that sends commands to Redis: Lua scripts and the calls around them."""

from typing import TYPE_CHECKING

from runtime.broker.keys import Keys
from runtime.broker.ownership import deployment_name

if TYPE_CHECKING:
    from runtime.broker.async_broker import AsyncBroker
    from runtime.broker.broker import Broker
    from runtime.config.settings import Settings


def open_broker(settings: "Settings", *, timeout_s: float = 5.0) -> "Broker":
    """A blocking broker; connects on first use."""
    # Who only names keys or decodes replies does not pay for redis-py.
    from runtime.broker.broker import Broker  # noqa: PLC0415
    from runtime.broker.connection import connect  # noqa: PLC0415

    return Broker(
        connect(settings, timeout_s=timeout_s),
        Keys(settings.redis.key_prefix),
        deployment=deployment_name(settings.queue_prefix, settings.application),
    )


def open_async_broker(settings: "Settings", *, timeout_s: float = 5.0) -> "AsyncBroker":
    """A broker for the running asyncio loop; connects on first use."""
    from runtime.broker.async_broker import AsyncBroker  # noqa: PLC0415 - see above
    from runtime.broker.connection import connect_async  # noqa: PLC0415

    return AsyncBroker(
        connect_async(settings, timeout_s=timeout_s),
        Keys(settings.redis.key_prefix),
        deployment=deployment_name(settings.queue_prefix, settings.application),
    )
