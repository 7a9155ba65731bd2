"""How a worker and its child processes talk: messages, each with its length before it."""

import asyncio
from typing import BinaryIO

MAX_ANSWER_BYTES = 4 * 1024 * 1024
_LENGTH_BYTES = 4


def packed(body: bytes) -> bytes:
    """A message as it goes through the pipe."""
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def receive(pipe: asyncio.StreamReader, *, max_bytes: int) -> bytes | None:
    """The next message; None when the other end is closed, or sent what is no message."""
    try:
        length = int.from_bytes(await pipe.readexactly(_LENGTH_BYTES), "big")
        return await pipe.readexactly(length) if length <= max_bytes else None
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def receive_blocking(pipe: BinaryIO) -> bytes | None:
    """The next message; None when the other end is closed."""
    head = pipe.read(_LENGTH_BYTES)
    if len(head) < _LENGTH_BYTES:
        return None
    length = int.from_bytes(head, "big")
    body = pipe.read(length)
    return body if len(body) == length else None
