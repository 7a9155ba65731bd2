"""Connections to Redis, and its errors as ours."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from runtime.broker.waiting_pool import WAIT_S, WaitingPool
from runtime.config.settings import Settings
from runtime.errors import BrokerError, BrokerPasswordError, BrokerUnavailableError

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
    except (AuthenticationError, AuthenticationWrongNumberOfArgsError) as error:
        raise BrokerPasswordError(f"Redis refuses the login: {error}") from error
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
    """A blocking client for any number of threads; connects on first use.

    redis-py 8 would repeat a command up to ten times by itself, transactions and pops included.
    Here it does not: the broker decides, script by script, what may be repeated.
    """
    pool = WaitingPool.from_url(
        settings.redis.effective_url().get_secret_value(),
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
    )
    return redis.Redis.from_pool(pool)


def connect_async(settings: Settings, *, timeout_s: float = 5.0) -> redis.asyncio.Redis:
    """The same for an asyncio loop. `timeout_s` must exceed the longest blocking command."""
    return redis.asyncio.Redis.from_url(
        settings.redis.effective_url().get_secret_value(),
        protocol=2,
        retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=min(timeout_s, 5.0),
    )


def connect_shared(settings: Settings, *, most: int) -> redis.asyncio.Redis:
    """For any number of tasks of one loop; a task waits while all `most` connections are in use."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        settings.redis.effective_url().get_secret_value(),
        max_connections=most,
        timeout=WAIT_S,
        protocol=2,
        retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
        socket_timeout=5.0,
        socket_connect_timeout=5.0,
    )
    return redis.asyncio.Redis.from_pool(pool)
