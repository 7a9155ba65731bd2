"""Runs calls against Redis, blocking."""

import time
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar, cast

import redis
from hiredis import pack_command
from redis.exceptions import NoScriptError, RedisError, ResponseError

from runtime.broker import ownership
from runtime.broker.calls.call import Arg, Call
from runtime.broker.connection import broker_errors
from runtime.broker.keys import Keys
from runtime.broker.reads.queries import Query
from runtime.broker.scripts import script
from runtime.broker.waiting_pool import PoolExhaustedError, WaitingPool
from runtime.errors import AtlasError, BrokerUnavailableError

T = TypeVar("T")

# A pooled connection that Redis' restart has broken fails once; then Redis is either back or away.
REPEATS_S = (0.0, 0.1, 0.4)
# So many may wait for results at a time.
_WAITERS = 128


class Broker:
    """Blocking; safe to share between threads and across forks.

    Args:
        deployment: whose keys they are; nothing is sent below a prefix of another deployment's
            (see `runtime.broker.ownership`). Empty: not asked.
    """

    def __init__(self, connection: redis.Redis, keys: Keys, *, deployment: str = "") -> None:
        self.connection = connection
        self.keys = keys
        self._deployment = deployment
        self._owned = not deployment
        self._pool = cast("WaitingPool", connection.connection_pool)

    def run(self, call: Call[T]) -> T:
        """Run a call; a repeatable one is sent again when the connection broke.

        Raises:
            BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
            PrefixTakenError: the keys are another deployment's.
            BrokerError: Redis refused the call.
        """
        for pause_s in REPEATS_S if call.repeatable else ():
            try:
                return self._send(call)
            except BrokerUnavailableError as error:
                if isinstance(error.__cause__, PoolExhaustedError):
                    raise  # it has waited already
                time.sleep(pause_s)
        return self._send(call)

    def take_prefix(self) -> None:
        """Claim the key prefix for this deployment; the first call does so, once.

        Raises:
            PrefixTakenError: they are another deployment's.
            BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
        """
        if self._owned:
            return
        key = self.keys.deployment()
        with broker_errors():
            connection: Any = self.connection
            if connection.set(key, self._deployment, nx=True) is None:
                ownership.compare(self.keys, connection.get(key), self._deployment)
        self._owned = True

    def check_prefix(self) -> None:
        """The same for readers, without a write; a prefix that nobody uses yet is allowed.

        Raises:
            PrefixTakenError: the keys are another deployment's.
            BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
        """
        with broker_errors():
            stamp: Any = self.connection.get(self.keys.deployment())
        ownership.compare(self.keys, stamp, self._deployment)

    def started(self, call: Call[T]) -> "Started[T]":
        """Send a repeatable call now and read its answer later; see `Started`."""
        assert call.repeatable
        return Started(self, call)

    def query(self, query: Query[T]) -> T:
        """Read something.

        Raises:
            BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
            BrokerError: Redis refused a command.
        """
        pipe: Any = self.connection.pipeline(transaction=False)
        for command in query.commands:
            pipe.execute_command(*command)
        with broker_errors():
            return query.read(pipe.execute())

    def for_waiting(self) -> "Broker":
        """A broker whose calls may block for seconds without keeping others from a connection."""
        pool = WaitingPool(
            connection_class=self._pool.connection_class,
            max_connections=_WAITERS,
            **self._pool.connection_kwargs,
        )
        return Broker(redis.Redis.from_pool(pool), self.keys, deployment=self._deployment)

    def _send(self, call: Call[T]) -> T:
        self.take_prefix()
        with broker_errors():
            connection = self._pool.borrow()
            try:
                self.write(connection, call)
                return self.read(connection, call)
            finally:
                self._pool.give_back(connection)

    # `Redis.execute_command` does the same, but measures and dispatches events around it and asks
    # the kernel whether the connection still lives, which costs a producer a third of its time. One
    # that died shows when it is used; `run` then sends again.

    def write(self, connection: Any, call: Call[T]) -> None:
        """Send a call through a borrowed connection."""
        _write(connection, "EVALSHA", script(call.script).sha, 1, self.keys.root, *call.args)

    def read(self, connection: Any, call: Call[T]) -> T:
        """The answer to what was sent last."""
        try:
            reply = _read(connection)
        except NoScriptError:
            _write(connection, "EVAL", script(call.script).text, 1, self.keys.root, *call.args)
            reply = _read(connection)
        return call.read(reply)

    def borrow(self) -> Any:
        """A connection of the pool; return it with `give_back`."""
        return self._pool.borrow()

    def give_back(self, connection: Any) -> None:
        """Let others use a connection that was borrowed."""
        self._pool.give_back(connection)

    def close(self) -> None:
        """Release the connections."""
        self.connection.close()


class Started(Generic[T]):
    """A call that was sent: Redis works while the caller prepares the next one, without a thread.

    Use it as a context manager; the call is over when that ends, whether its answer was asked for
    or not.
    """

    def __init__(self, broker: Broker, call: Call[T]) -> None:
        self._broker = broker
        self._call = call
        self._connection: Any = None

    def __enter__(self) -> Self:
        self._broker.take_prefix()
        with broker_errors():
            self._connection = self._broker.borrow()
        # What cannot be sent now is sent again by `answer`.
        with suppress(RedisError, OSError):
            self._broker.write(self._connection, self._call)
        return self

    def answer(self) -> T:
        """Wait for the answer; once.

        Raises:
            BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
            BrokerError: Redis refused the call.
        """
        connection, self._connection = self._connection, None
        try:
            with broker_errors():
                return self._broker.read(connection, self._call)
        except BrokerUnavailableError:
            return self._broker.run(self._call)
        finally:
            self._broker.give_back(connection)

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            with suppress(AtlasError):
                self.answer()


def _write(connection: Any, *command: Arg) -> None:
    try:
        packed = pack_command(cast("Any", command))  # its stub allows one element only
        connection.send_packed_command([packed], check_health=False)
    except BaseException:
        # Half a command may have left; the connection connects anew when it is next used.
        connection.disconnect()
        raise


def _read(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError:
        raise
    except BaseException:
        connection.disconnect()  # half a reply may be left in it
        raise
