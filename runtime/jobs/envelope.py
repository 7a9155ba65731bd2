"""Encodes and decodes a job's ``data`` field.

RQ stores ``[function, instance, args, kwargs]`` through its serializer (rq/job.py, ``data``),
deflated or plain. Ours always names one function, the entry point, and carries kind, organisation
and payload as its keyword arguments. JSON only: a pickle is never loaded.
"""

import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json

from runtime.errors import AtlasError

ENTRY_POINT = "runtime.entry.perform"
# Below this a plain text costs Redis less than the deflated one saves.
_DEFLATE_FROM_BYTES = 200


class EnvelopeError(AtlasError):
    """The data of a job cannot be read."""


class TooLargeError(EnvelopeError):
    """The data of a job are larger than they may be when inflated."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A decoded job. For a stock RQ job `kind` is empty and `function` its dotted name."""

    function: str
    kind: str
    org: str
    payload: dict[str, Any]
    args: tuple[Any, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_stock(self) -> bool:
        """True for a job that a plain `rq.Queue` enqueued."""
        return self.function != ENTRY_POINT


def encode(kind: str, org: str, payload_json: bytes, headers_json: bytes = b"") -> bytes:
    """The data field of a job of ours; payload and headers (if any) are JSON objects."""
    head = _head(kind, org)
    if headers_json:
        head = b'%s,"headers":%s' % (head, headers_json)
    data = b'%s,"payload":%s}]' % (head, payload_json)
    return zlib.compress(data, 1) if len(data) >= _DEFLATE_FROM_BYTES else data


@lru_cache(maxsize=4096)
def _head(kind: str, org: str) -> bytes:
    named = to_json({"kind": kind, "org": org})[:-1]
    return b'["%s",null,[],%s' % (ENTRY_POINT.encode(), named)


def decode(data: bytes, *, max_bytes: int) -> Envelope:
    """Reads the data field of any job.

    Raises:
        EnvelopeError: it is not JSON, not of RQ's shape, or too large when inflated.
    """
    parts = _parse(_inflate(data, max_bytes))
    function, _instance, args, kwargs = parts
    if not isinstance(function, str) or not isinstance(args, list) or not isinstance(kwargs, dict):
        raise EnvelopeError("its data does not have RQ's shape")
    if function != ENTRY_POINT:
        return Envelope(function, "", "", kwargs, tuple(args))
    kind, org, payload = kwargs.get("kind"), kwargs.get("org"), kwargs.get("payload")
    if not isinstance(kind, str) or not isinstance(org, str) or not isinstance(payload, dict):
        raise EnvelopeError("its data lacks kind, org or payload")
    headers = kwargs.get("headers")
    if headers is None:
        return Envelope(function, kind, org, payload)
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise EnvelopeError("its headers are not texts")
    return Envelope(function, kind, org, payload, (), headers)


def _inflate(data: bytes, max_bytes: int) -> bytes:
    if data[:1] == b"[":
        return data
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, max_bytes)
    except zlib.error:
        return data
    if inflater.unconsumed_tail:
        raise TooLargeError(f"its data is larger than {max_bytes} bytes when inflated")
    return plain


def _parse(plain: bytes) -> list[Any]:
    try:
        parts = from_json(plain)
    except ValueError:
        raise EnvelopeError(
            "its data is not JSON, and pickle is never loaded: enqueue it with "
            "rq.Queue(..., serializer=JSONSerializer)"
        ) from None
    if not isinstance(parts, list) or len(parts) != 4:
        raise EnvelopeError("its data does not have RQ's shape")
    return parts
