"""RQ's encodings of what it keeps in a result stream (rq/results.py)."""

import zlib
from base64 import b64decode, b64encode
from functools import lru_cache

_MAX_TEXT_BYTES = 256 * 1024


@lru_cache(maxsize=8)
def deflate_text(text: str) -> str:
    """RQ's ``exc_string``: deflated, base64."""
    return b64encode(zlib.compress(text.encode("utf-8", "replace"))).decode()


def inflate_text(value: bytes) -> str:
    """The text of an ``exc_string``; at most 256 KiB of it. Garbage gives an empty text."""
    try:
        plain = zlib.decompressobj().decompress(b64decode(value), _MAX_TEXT_BYTES)
    except (zlib.error, ValueError):
        return ""
    return plain.decode("utf-8", "replace")


def encode_value(json_bytes: bytes) -> str:
    """RQ's ``return_value`` under its JSON serializer: base64 of JSON."""
    return b64encode(json_bytes).decode()


def decode_value(value: bytes) -> str:
    """The JSON text of a ``return_value``; garbage gives an empty text."""
    try:
        return b64decode(value).decode("utf-8", "replace")
    except ValueError:
        return ""
