"""Connections to Redis, and what its errors mean to us."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from runtime.config.settings import Settings
from runtime.errors import BrokerError, BrokerUnavailableError

# Redis serves again without our doing: wait and repeat.
_PASSING = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    asyncio.TimeoutError,
    OSError,
)
# The same, where Redis says so only in the text of an error (a script wraps the error it met).
_PASSING_WORDS = (
    "LOADING",
    "MISCONF",
    "READONLY",
    "OOM ",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "BUSY ",
    "TRYAGAIN",
    "NOREPLICAS",
    "max number of clients",
)


@contextmanager
def broker_errors() -> Iterator[None]:
    """Turns redis-py's errors into ours.

    Raises:
        BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
        BrokerError: Redis refused the command for good.
    """
    try:
        yield
    except _PASSING as error:
        raise BrokerUnavailableError(f"Redis is not available: {error}") from error
    except ResponseError as error:
        text = str(error)
        if any(word in text for word in _PASSING_WORDS):
            raise BrokerUnavailableError(f"Redis does not serve: {text}") from error
        raise BrokerError(f"Redis refused: {text}") from error
    except RedisError as error:
        raise BrokerError(f"Redis: {error}") from error


def connect(settings: Settings, *, timeout_s: float = 5.0) -> redis.Redis:
    """A blocking client; connects on first use. Nothing is ever re-sent behind our back.

    redis-py 8 repeats a command up to ten times by itself, transactions and pops included; what
    may be repeated is decided by the broker, script by script.
    """
    return redis.Redis.from_url(
        settings.redis.effective_url().get_secret_value(),
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
    )


def connect_async(settings: Settings, *, timeout_s: float = 5.0) -> redis.asyncio.Redis:
    """The same for an asyncio loop. `timeout_s` must exceed the longest blocking command."""
    return redis.asyncio.Redis.from_url(
        settings.redis.effective_url().get_secret_value(),
        protocol=2,
        retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=min(timeout_s, 5.0),
    )
