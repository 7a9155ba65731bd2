"""The only place that issues Redis commands: Lua scripts and the calls around them."""

from runtime.broker.broker import AsyncBroker, Broker
from runtime.broker.connection import connect, connect_async
from runtime.broker.keys import Keys
from runtime.config.settings import Settings


def open_broker(settings: Settings, *, timeout_s: float = 5.0) -> Broker:
    """A blocking broker; connects on first use."""
    return Broker(connect(settings, timeout_s=timeout_s), Keys(settings.redis.key_prefix))


def open_async_broker(settings: Settings, *, timeout_s: float = 5.0) -> AsyncBroker:
    """A broker for the running asyncio loop; connects on first use."""
    return AsyncBroker(
        connect_async(settings, timeout_s=timeout_s), Keys(settings.redis.key_prefix)
    )
