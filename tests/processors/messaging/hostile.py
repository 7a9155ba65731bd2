"""A provider on loopback that answers a fifth of all calls badly, and knows what it took."""

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs

FAULTS = ("429", "503", "500 before", "500 after", "reset before", "reset after", "half", "hang")


class Hostile:
    """Speaks as Resend (`keyed`: it replays the answer to a key) or as Twilio.

    `taken` counts the messages that it delivered, by recipient.
    """

    def __init__(self, *, keyed: bool, share: float, seed: int) -> None:
        self.keyed = keyed
        self.share = share
        self.random = random.Random(seed)
        self.taken: Counter[str] = Counter()
        self.keys: dict[str, bytes] = {}
        self.faults: Counter[str] = Counter()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                headers = dict(
                    line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if line
                )
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if not await self._answer(headers, body, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(
        self, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        """False when the connection ends with it."""
        fault = ""
        if self.random.random() < self.share:
            fault = self.random.choice(FAULTS)
            self.faults[fault] += 1
        refused = {"429": (429, {"code": 20429, "name": "rate_limit_exceeded"}), "503": (503, {})}
        answer = b""
        if fault in refused:
            answer = _http(*refused[fault])
        elif "before" not in fault:
            answer = self._take(headers, body)
        if fault.startswith("500"):
            answer = _http(500, {"message": "oops"})
        if fault.startswith("reset"):
            writer.transport.abort()
        elif fault == "hang":
            await asyncio.sleep(5)
        else:
            writer.write(answer[:-5] if fault == "half" else answer)
        return fault in ("", "429", "503", "500 before", "500 after")

    def _take(self, headers: dict[str, str], body: bytes) -> bytes:
        key = headers.get("idempotency-key", "")
        if self.keyed and key in self.keys:
            return self.keys[key]
        recipient = json.loads(body)["to"][0] if self.keyed else parse_qs(body.decode())["To"][0]
        self.taken[recipient] += 1
        number = self.taken.total()
        answer = _http(201, {"id": f"re{number}", "sid": f"SM{number}", "status": "queued"})
        self.keys[key] = answer
        return answer


def _http(status: int, data: object) -> bytes:
    body = json.dumps(data).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def hostile(*, keyed: bool, share: float = 0.2, seed: int = 1) -> Iterator[Hostile]:
    """Running in a thread of its own."""
    provider = Hostile(keyed=keyed, share=share, seed=seed)
    ready, loop = threading.Event(), asyncio.new_event_loop()

    def run() -> None:
        server = loop.run_until_complete(
            asyncio.start_server(provider.serve, "127.0.0.1", 0, backlog=500)
        )
        provider.port = server.sockets[0].getsockname()[1]
        ready.set()
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        server.close()
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    try:
        yield provider
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
