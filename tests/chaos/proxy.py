"""A small TCP proxy before Redis that loses replies, resets connections, waits and goes away.

A thread with an event loop of its own; everything left to chance is drawn from a seeded generator.
Requests are always passed on: what may be lost is the answer, the harder of the two.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from typing import Self

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER, 0 s: close() sends RST (socket(7))
_CHUNK = 65536


class FlakyProxy:
    """Listens on a loopback port and passes on to a Redis behind a Unix socket.

    Attributes:
        cut_share: of the replies, how many are lost: cut off after some bytes, and then reset.
        latency_s: added to each reply.
        replies_cut, resets: how often it happened.
    """

    def __init__(self, redis_url: str, seed: int) -> None:
        self._path = redis_url.removeprefix("unix://").partition("?")[0]
        self._rng = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._away = False
        self.port = 0
        self.cut_share = 0.0
        self.latency_s = 0.0
        self.replies_cut = 0
        self.resets = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset_all(self) -> None:
        """Reset every connection, as a peer that crashed does."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def away(self, away: bool) -> None:
        """While away, connections are reset and new ones at once too."""
        self._away = away
        if away:
            self.reset_all()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._away = True
        self._server.close()
        while self._open:
            self._reset_all()
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if not self._away:
                await self._connect(reader, writer)
        finally:
            _reset(writer)
            self._open.discard(writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_redis, to_redis = await asyncio.open_unix_connection(self._path)
        except OSError:
            return
        ways = {
            asyncio.create_task(self._pass_on(reader, to_redis)),
            asyncio.create_task(self._answer(from_redis, writer)),
        }
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        to_redis.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            if self._rng.random() < self.cut_share:
                self.replies_cut += 1
                writer.write(data[: self._rng.randrange(len(data))])
                with contextlib.suppress(OSError):
                    await writer.drain()
                return
            writer.write(data)
            await writer.drain()

    def _reset_all(self) -> None:
        self.resets += len(self._open)
        for writer in list(self._open):
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
