"""A relay before Redis that swallows the replies to chosen scripts: Redis did it, nobody heard."""

import socket
import threading
from typing import Self

import redis

from runtime.broker.scripts import script
from runtime.embedded.server import EmbeddedRedis


class Relay:
    """Listens on a loopback port; for each script of `lose` one reply is lost and the line cut."""

    def __init__(self, server: EmbeddedRedis, *, lose: tuple[str, ...]) -> None:
        self._upstream = server.url.removeprefix("unix://").partition("?")[0]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._to_lose = {script(name).sha.encode() for name in lose}
        self._known = set(self._to_lose)
        self.lost = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def load(self, raw: redis.Redis, *names: str) -> None:
        """Make scripts known to Redis, so that the first call of each already runs it."""
        for name in names:
            raw.script_load(script(name).text)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(self._upstream)
            doomed = threading.Event()
            for source, target, forward in (
                (client, upstream, self._requests(doomed)),
                (upstream, client, lambda _chunk, doomed=doomed: not doomed.is_set()),
            ):
                threading.Thread(target=_pump, args=(source, target, forward), daemon=True).start()

    def _requests(self, doomed: threading.Event):
        def forward(chunk: bytes) -> bool:
            for sha in [sha for sha in self._to_lose if sha in chunk]:
                self._to_lose.discard(sha)
                self.lost += 1
                doomed.set()
            return True

        return forward


def _pump(source: socket.socket, target: socket.socket, forward) -> None:
    try:
        while (chunk := source.recv(65536)) and forward(chunk):
            target.sendall(chunk)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            end.close()
