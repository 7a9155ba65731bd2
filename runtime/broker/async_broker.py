"""Runs calls against Redis in an asyncio loop."""

import asyncio
from typing import Any, TypeVar, cast

import redis.asyncio
from redis.exceptions import NoScriptError

from runtime.broker import ownership
from runtime.broker.broker import REPEATS_S
from runtime.broker.calls.call import Call
from runtime.broker.connection import broker_errors
from runtime.broker.keys import Keys
from runtime.broker.reads.queries import Query
from runtime.broker.scripts import script
from runtime.errors import BrokerUnavailableError

T = TypeVar("T")


class AsyncBroker:
    """Runs calls in one asyncio loop; the connection's time-out bounds each."""

    def __init__(
        self, connection: redis.asyncio.Redis, keys: Keys, *, deployment: str = ""
    ) -> None:
        self.connection = connection
        self.keys = keys
        self._deployment = deployment
        self._owned = not deployment

    async def run(self, call: Call[T]) -> T:
        """Run a call once.

        Raises:
            BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
            PrefixTakenError: the keys are another deployment's.
            BrokerError: Redis refused the call.
        """
        lua = script(call.script)
        await self.take_prefix()
        connection = cast("Any", self.connection)
        with broker_errors():
            try:
                reply = await connection.evalsha(lua.sha, 1, self.keys.root, *call.args)
            except NoScriptError:
                reply = await connection.eval(lua.text, 1, self.keys.root, *call.args)
            except AttributeError as error:
                # What asyncio says from Python 3.12 on when a transport is closed while it is
                # written to (selector_events.py, writelines).
                raise BrokerUnavailableError("Redis is not available: closed") from error
            return call.read(reply)

    async def take_prefix(self) -> None:
        """See `Broker.take_prefix`."""
        if self._owned:
            return
        connection, key = cast("Any", self.connection), self.keys.deployment()
        with broker_errors():
            if await connection.set(key, self._deployment, nx=True) is None:
                ownership.compare(self.keys, await connection.get(key), self._deployment)
        self._owned = True

    async def query(self, query: Query[T]) -> T:
        """Read something.

        Raises:
            BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
            BrokerError: Redis refused a command.
        """
        pipe: Any = self.connection.pipeline(transaction=False)
        for command in query.commands:
            pipe.execute_command(*command)
        with broker_errors():
            return query.read(await pipe.execute())

    async def run_repeated(self, call: Call[T]) -> T:
        """Run a repeatable call; it is sent again when the connection broke.

        Raises:
            BrokerUnavailableError: Redis cannot be reached or will not serve for a while.
            BrokerError: Redis refused the call.
        """
        assert call.repeatable
        for pause_s in REPEATS_S:
            try:
                return await self.run(call)
            except BrokerUnavailableError:
                await asyncio.sleep(pause_s)
        return await self.run(call)

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
