"""One HTTP call of a workflow: to a checked address, within limits, signed; and what came of it."""

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from processors.payloads.base import storable_json
from processors.workflow.actions.http_guard import (
    ForbiddenUrlError,
    Resolve,
    Target,
    resolve_by_system,
)

MAX_BODY = 256 * 1024
MAX_ANSWER = 256 * 1024
_CONNECT_S = 5.0
# Whoever asks for more is not waited for: the step fails, and says so.
_MAX_RETRY_AFTER = timedelta(hours=1)
_AGAIN = frozenset({429, 503})
# Repeating these changes nothing at the other side (RFC 9110, 9.2.2).
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_KEPT_HEADERS = ("content-type", "location", "retry-after", "x-request-id")


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows.

    Attributes:
        trusted: ``host:port`` that may be called at any address, and by plain HTTP.
        secrets: by the names that definitions use.
        tls: checks certificates; None for the usual authorities.
        resolve: looks up addresses.
    """

    trusted: frozenset[str] = frozenset()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None
    resolve: Resolve = resolve_by_system

    def secret(self, name: str) -> str:
        """A secret by its name.

        Raises:
            ForbiddenUrlError: there is none; the names are told, never a value.
        """
        if name not in self.secrets:
            allowed = ", ".join(sorted(self.secrets)) or "none is set"
            raise ForbiddenUrlError(
                f"there is no secret {name[:60]!r} in WORKFLOW_HTTP_SECRETS; allowed: {allowed}"
            )
        return self.secrets[name]


@dataclass(frozen=True, slots=True)
class Call:
    """A request, ready to be sent. `signed_by` and `bearer` are names of secrets."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_s: float
    signed_by: str | None = None
    bearer: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: ``status``, ``headers``, and ``json`` or ``text``."""

    status: int
    output: dict[str, Any]


class AgainError(Exception):
    """Nothing was done, or it may be done twice: worth another attempt, after `after` if given."""

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.after = after


class CallError(Exception):
    """It failed, and another attempt would not help or might do it twice."""


async def send(call: Call, policy: Policy, *, key: str, now: datetime) -> Answer:
    """Make the call: no redirects, no proxy, one connection, no second try.

    Args:
        call: what is sent.
        policy: what is allowed.
        key: the same at every attempt; sent as ``Idempotency-Key``.
        now: for the signature.

    Raises:
        ForbiddenUrlError: it may not be called.
        AgainError: the host could not be reached, or asked to come back.
        CallError: no answer in time, or one that is too large.
    """
    target = Target.read(call.url, policy.trusted)
    headers = {
        **call.headers,
        "Host": target.authority,
        # An answer that grows when it is unpacked would pass any limit.
        "Accept-Encoding": "identity",
        "User-Agent": "atlas-queue",
    } | _authority(call, policy, key, now)
    whole = replace(call, headers=headers)
    try:
        async with asyncio.timeout(call.timeout_s):
            addresses = await _resolved(target, policy)
            return await _to_first(addresses, target, whole, policy, now)
    except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
        raise _lost(call, f"{target.host} did not answer within {call.timeout_s:g} s") from None
    except (httpx.RequestError, ssl.SSLError, OSError) as error:
        raise _lost(call, f"the connection to {target.host} broke: {_said(error)}") from None


def _authority(call: Call, policy: Policy, key: str, now: datetime) -> dict[str, str]:
    """The headers that say who calls, and which call this is."""
    found = {"Idempotency-Key": key} if call.method not in ("GET", "HEAD") else {}
    if call.bearer is not None:
        found["Authorization"] = f"Bearer {policy.secret(call.bearer)}"
    if call.signed_by is not None:
        found["X-Atlas-Signature"] = signature(policy.secret(call.signed_by), call.body, now)
    return found


def signature(secret: str, body: bytes, at: datetime) -> str:
    """``t=<unix time>,v1=<hex>``: HMAC-SHA256 over the time, a dot, and the body's bytes.

    Whoever checks it refuses a time that is more than some minutes old, and compares in constant
    time.
    """
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
    return f"t={stamp},v1={digest.hexdigest()}"


async def _resolved(target: Target, policy: Policy) -> list[str]:
    try:
        return await target.addresses(policy.resolve)
    except ForbiddenUrlError:
        raise
    except OSError as error:
        raise AgainError(f"{target.host} cannot be found: {_said(error)}") from None


async def _to_first(
    addresses: list[str], target: Target, call: Call, policy: Policy, now: datetime
) -> Answer:
    """The answer of the first of its addresses that takes the connection."""
    transport = httpx.AsyncHTTPTransport(
        verify=policy.tls or ssl.create_default_context(), trust_env=False, retries=0
    )
    timeout = httpx.Timeout(call.timeout_s, connect=min(_CONNECT_S, call.timeout_s))
    reason = ""
    async with httpx.AsyncClient(
        transport=transport, timeout=timeout, trust_env=False, follow_redirects=False
    ) as client:
        # The client's own headers name its version and would let compressed answers in.
        client.headers.clear()
        for address in addresses:
            request = client.build_request(
                call.method,
                target.pinned(address),
                headers=call.headers,
                content=call.body or None,
                extensions={"sni_hostname": target.host},
            )
            try:
                response = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                reason = _said(error)
                continue
            try:
                return await _read(response, target, now)
            finally:
                await response.aclose()
    raise AgainError(f"{target.host} cannot be reached: {reason}")


async def _read(response: httpx.Response, target: Target, now: datetime) -> Answer:
    if response.status_code in _AGAIN:
        after = _retry_after(response, now)
        raise AgainError(f"{target.host} answered {response.status_code}", after)
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise CallError(f"{target.host} answered in an encoding that was not asked for")
    parts: list[bytes] = []
    length = 0
    async for part in response.aiter_raw():
        length += len(part)
        if length > MAX_ANSWER:
            raise CallError(f"{target.host} answered more than {MAX_ANSWER} bytes")
        parts.append(part)
    headers = {
        name.replace("-", "_"): response.headers[name][:500]
        for name in _KEPT_HEADERS
        if name in response.headers
    }
    output = {"status": response.status_code, "headers": headers}
    return Answer(response.status_code, output | _content(b"".join(parts), response))


def _content(body: bytes, response: httpx.Response) -> dict[str, Any]:
    """JSON if it says so and is, else text; as a database can hold it."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return {"json": storable_json(json.loads(body))}
        except (ValueError, RecursionError):
            pass
    encoding = response.charset_encoding or "utf-8"
    try:
        text = body.decode(encoding, "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    return {"text": text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()}


def _retry_after(response: httpx.Response, now: datetime) -> timedelta | None:
    """Seconds or a date (RFC 9110, 10.2.3), up to an hour; None for anything else."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 9:
        after = timedelta(seconds=int(value))
    else:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        after = at - now
    return min(max(after, timedelta(0)), _MAX_RETRY_AFTER)


def _lost(call: Call, reason: str) -> Exception:
    """What is known of a call whose answer was lost: it may have been carried out."""
    if call.method in _REPEATABLE:
        return AgainError(reason)
    return CallError(f"{reason}; the other side may have carried it out")


def _said(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:150]
