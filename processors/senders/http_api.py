"""A provider's HTTP API: one client a process, and what a call that fails means.

What matters is whether the provider may have taken the message. Before the request has left it has
not (no connection, no free connection, a request that cannot be written); from its first byte on
only an answer tells. There is no retry here: the job's own attempts are the only ones.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from processors.senders.sender import AmbiguousError, NotSentError, UnavailableError

# All together less than the time that delivery keeps free for one call.
TOTAL_S = 20.0
_TIMEOUT = httpx.Timeout(connect=5.0, read=15.0, write=15.0, pool=5.0)
# Node's servers close an idle connection after 5 s; a request that crosses such an end has an
# unknown outcome, so that ours end before.
_LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=20, keepalive_expiry=4.0)
# No answer of these APIs is nearly as long.
_MAX_ANSWER = 1_000_000
_BEFORE = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ProxyError,
)
_OURS = (httpx.PoolTimeout, httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered; `data` is empty when it is no JSON object."""

    status: int
    headers: Mapping[str, str]
    data: dict[str, Any]
    text: str

    @property
    def is_success(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300


class HttpApi:
    """Calls one provider; keeps its connections.

    Args:
        name: of the provider, for messages.
        base_url: where it is.
        headers: of every request.
        auth: user and password (HTTP Basic).
        total_s: how long a call may take in all, in seconds.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        total_s: float = TOTAL_S,
    ) -> None:
        self.name = name
        self.host = httpx.URL(base_url).netloc.decode("ascii")
        self._base_url = base_url.rstrip("/")
        self._headers = {"Accept": "application/json", **(headers or {})}
        self._auth = auth
        self._total_s = total_s
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        """Without keys."""
        return f"{type(self).__name__}({self.name!r}, {self.host!r})"

    async def call(self, method: str, path: str, **content: Any) -> Answer:
        """One request; `content` is httpx's ``json``, ``data``, ``params`` or ``headers``.

        Raises:
            UnavailableError: no connection; the provider got nothing.
            NotSentError: the request could not be made.
            AmbiguousError: the answer was lost.
        """
        try:
            request = self._ready().build_request(method, self._base_url + path, **content)
        except Exception as error:
            raise NotSentError(
                f"the request to {self.name} cannot be made: {said(error)}"
            ) from error
        try:
            async with asyncio.timeout(self._total_s):
                return await self._answer(request)
        except _BEFORE as error:
            raise UnavailableError(f"no connection to {self.name}: {said(error)}") from error
        except _OURS as error:
            raise NotSentError(f"nothing was sent to {self.name}: {said(error)}") from error
        except TimeoutError as error:
            raise AmbiguousError(f"{self.name} did not answer in time") from error
        except httpx.HTTPError as error:
            raise AmbiguousError(f"{self.name}'s answer was lost: {said(error)}") from error

    async def _answer(self, request: httpx.Request) -> Answer:
        response = await self._ready().send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MAX_ANSWER:
                    break
        finally:
            await response.aclose()
        text = body.decode("utf-8", "replace")
        return Answer(response.status_code, response.headers, _object(text), text)

    def _ready(self) -> httpx.AsyncClient:
        """The client of the running loop: its connections cannot be used from another one."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client = httpx.AsyncClient(
                headers=self._headers, auth=self._auth, timeout=_TIMEOUT, limits=_LIMITS,
                verify=_tls(), follow_redirects=False,
            )  # fmt: skip
            self._loop = loop
        return self._client


@cache
def _tls() -> ssl.SSLContext:
    """One for all providers of a process: reading the certificates takes a while."""
    return httpx.create_ssl_context()


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def said(error: BaseException) -> str:
    """An error in one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
