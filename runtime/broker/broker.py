"""Runs calls against Redis, blocking or in an asyncio loop."""

import asyncio
import os
import threading
import time
from typing import Any, TypeVar, cast

import redis
import redis.asyncio
from hiredis import pack_command
from redis.exceptions import NoScriptError, ResponseError

from runtime.broker.calls.calls import Arg, Call
from runtime.broker.connection import broker_errors
from runtime.broker.keys import Keys
from runtime.broker.scripts import script
from runtime.errors import BrokerUnavailableError

T = TypeVar("T")

# A pooled connection that Redis' restart has broken fails once; then Redis is either back or away.
_REPEATS_S = (0.0, 0.1, 0.4)


class Broker:
    """Blocking; safe to share between threads and across forks (a connection for each)."""

    def __init__(self, connection: redis.Redis, keys: Keys) -> None:
        self.connection = connection
        self.keys = keys
        self._local = threading.local()

    def run(self, call: Call[T]) -> T:
        """Run a call; a repeatable one is sent again when the connection broke.

        Raises:
            BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
            BrokerError: Redis refused the call.
        """
        for pause_s in _REPEATS_S if call.repeatable else ():
            try:
                return self._send(call)
            except BrokerUnavailableError:
                time.sleep(pause_s)
        return self._send(call)

    def _send(self, call: Call[T]) -> T:
        lua = script(call.script)
        with broker_errors():
            try:
                reply = self._exchange("EVALSHA", lua.sha, 1, self.keys.prefix, *call.args)
            except NoScriptError:
                reply = self._exchange("EVAL", lua.text, 1, self.keys.prefix, *call.args)
            return call.read(reply)

    def _exchange(self, *command: Arg) -> Any:
        """One command on this thread's connection.

        `Redis.execute_command` does the same, but measures and dispatches events around it and
        asks the kernel whether the connection still lives, which costs a producer a third of its
        time. One that died shows when it is used; `run` then sends again.
        """
        connection = self._thread_connection()
        try:
            packed = pack_command(cast("Any", command))  # its stub allows one element only
            connection.send_packed_command([packed], check_health=False)
            return connection.read_response()
        except ResponseError:
            raise
        except BaseException:
            # Half a reply may be left in it; it connects anew when it is next used.
            connection.disconnect()
            raise

    def _thread_connection(self) -> Any:
        pid, connection = getattr(self._local, "held", (0, None))
        if pid != os.getpid():
            # The first use in this thread, or after a fork: a socket must not be shared.
            connection = cast("Any", self.connection.connection_pool).get_connection()
            self._local.held = (os.getpid(), connection)
        return connection

    def close(self) -> None:
        """Release the connections."""
        self.connection.close()


class AsyncBroker:
    """The same in an asyncio loop; `timeout_s` bounds each call."""

    def __init__(self, connection: redis.asyncio.Redis, keys: Keys) -> None:
        self.connection = connection
        self.keys = keys

    async def run(self, call: Call[T]) -> T:
        """Run a call once.

        Raises:
            BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
            BrokerError: Redis refused the call.
        """
        lua = script(call.script)
        connection = cast("Any", self.connection)
        with broker_errors():
            try:
                reply = await connection.evalsha(lua.sha, 1, self.keys.prefix, *call.args)
            except NoScriptError:
                reply = await connection.eval(lua.text, 1, self.keys.prefix, *call.args)
            except AttributeError as error:
                # What asyncio says from Python 3.12 on when a transport is closed while it is
                # written to (selector_events.py, writelines).
                raise BrokerUnavailableError("Redis is not available: closed") from error
            return call.read(reply)

    async def run_until_done(self, call: Call[T]) -> T:
        """Run a repeatable call, however long Redis is away.

        Raises:
            BrokerError: Redis refused the call.
        """
        assert call.repeatable
        delay_s = 0.05
        while True:
            try:
                return await self.run(call)
            except BrokerUnavailableError:
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, 2.0)

    async def wait_for_marker(self, queues: list[str], timeout_s: float) -> bool:
        """Block until one of the full queues has a marker, at most `timeout_s`.

        Raises:
            BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
        """
        connection = cast("Any", self.connection)
        with broker_errors():
            keys = [self.keys.marker(queue) for queue in queues]
            return await connection.bzpopmin(keys, timeout_s) is not None

    async def close(self) -> None:
        """Release the connections."""
        await self.connection.aclose()
