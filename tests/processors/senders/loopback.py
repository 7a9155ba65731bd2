"""A provider on loopback that answers as it is told, down to the bytes; it keeps what it got."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


def answer(status: int, body: Any = "", **headers: str) -> bytes:
    """An HTTP answer; `body` is text or becomes JSON. Underscores in header names are hyphens."""
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if text.startswith("<") else "application/json"
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Type: {kind}",
        f"Content-Length: {len(text.encode())}",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + text).encode()


class Cut(bytes):
    """Bytes after which the provider dies."""


# What may be told instead of an answer.
RESET, HANG, CLOSE = "reset", "hang", "close"
Script = Callable[[Request], bytes | str]


@dataclass
class Loopback:
    """`script` is asked for each request."""

    script: Script = lambda _request: answer(200, {})
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while (request := _read(stream)) is not None:
                self.requests.append(request)
                told = self.script(request)
                if told == HANG:
                    self.done.wait(30)
                    return
                if told == RESET:
                    connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                    return
                if told == CLOSE:
                    return
                assert isinstance(told, bytes)
                connection.sendall(told)
                if isinstance(told, Cut):
                    return


def _read(stream: Any) -> Request | None:
    try:
        first = stream.readline().decode().split()
        if len(first) != 3:
            return None
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
    except (OSError, ValueError):
        return None  # it went away, or speaks TLS
    parts = urlsplit(first[1])
    return Request(first[0], parts.path, dict(parse_qsl(parts.query)), headers, body)


@contextmanager
def loopback() -> Iterator[Loopback]:
    server = Loopback()
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listening:
        server.port = listening.getsockname()[1]

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server
        finally:
            server.done.set()
            listening.shutdown(socket.SHUT_RDWR)
