"""One bounded pool of connections for all threads: a thread that finds none free waits."""

import os
import threading
import time
import weakref
from queue import Empty, SimpleQueue
from typing import Any

import redis
from redis.exceptions import ConnectionError as RedisConnectionError

# Redis works one command at a time: more connections make nothing faster.
MAX_CONNECTIONS = 32
WAIT_S = 10.0
# How often a waiting thread checks whether a connection was lost rather than returned.
_LOOK_S = 0.1


class PoolExhaustedError(RedisConnectionError):
    """Every connection stayed in use for as long as a call waits for one."""


class WaitingPool(redis.ConnectionPool):
    """At most `max_connections`, whatever the number of threads.

    A handler's time-out can interrupt its thread anywhere, also between two statements. Hence
    nothing here is held across Python code but a plain lock, and a connection that was borrowed
    and never returned no longer counts once it is garbage collected.

    Args:
        wait_s: how long a thread waits for a connection.
        options: redis-py's, as `redis.ConnectionPool` takes them.
    """

    def __init__(self, *, wait_s: float = WAIT_S, **options: Any) -> None:
        self._wait_s = wait_s
        options.setdefault("max_connections", MAX_CONNECTIONS)
        super().__init__(**options)
        _pools.add(self)

    def reset(self) -> None:
        """Start again without connections; also in the child of a fork."""
        # Another thread may have held them while this one forked.
        self._lock = threading.RLock()
        self._fork_lock = threading.RLock()
        super().reset()
        self._making = threading.Lock()
        self._idle: SimpleQueue[Any] = SimpleQueue()
        self._alive: weakref.WeakSet[Any] = weakref.WeakSet()

    def borrow(self) -> Any:
        """A connection, unchecked: one that has died fails when it is used.

        Raises:
            PoolExhaustedError: none became free in time.
        """
        try:
            return self._idle.get_nowait()
        except Empty:
            return self._make_or_wait()

    def give_back(self, connection: Any) -> None:
        """Return a connection to the pool."""
        self._idle.put(connection)

    def _make_or_wait(self) -> Any:
        deadline = time.monotonic() + self._wait_s
        while True:
            with self._making:
                if len(self._alive) < self.max_connections:
                    connection = self.connection_class(**self.connection_kwargs)
                    self._alive.add(connection)
                    return connection
            try:
                return self._idle.get(timeout=_LOOK_S)
            except Empty:
                if time.monotonic() >= deadline:
                    raise PoolExhaustedError(
                        f"all {self.max_connections} connections stayed in use for "
                        f"{self._wait_s:g} s"
                    ) from None

    # What redis-py's own commands call

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:  # noqa: ARG002 - redis-py's
        """A connection that is known to live."""
        connection = self.borrow()
        try:
            connection.connect()
            if _is_stale(connection):
                connection.disconnect()
                connection.connect()
        except BaseException:
            self.give_back(connection)
            raise
        return connection

    def release(self, connection: Any) -> None:
        """Return a connection of `get_connection`."""
        # After a fork this may be one of the parent's.
        if connection in self._alive:
            self.give_back(connection)

    def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        """Close every connection, or those that nobody uses."""
        if inuse_connections:
            for connection in list(self._alive):
                connection.disconnect()
            return
        for _ in range(self._idle.qsize()):
            try:
                connection = self._idle.get_nowait()
            except Empty:
                return
            connection.disconnect()
            self.give_back(connection)


def _is_stale(connection: Any) -> bool:
    """Whether Redis closed it, or half an answer is left in it."""
    try:
        return bool(connection.can_read())
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError):
        return True


# A child of a fork must not use its parent's sockets.
_pools: "weakref.WeakSet[WaitingPool]" = weakref.WeakSet()


def _forget_parents_connections() -> None:
    for pool in list(_pools):
        pool.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents_connections)
