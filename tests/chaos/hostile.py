"""Hostile material, made by Hypothesis: what no honest producer writes into Redis."""

import json
import os
import pickle
import zlib
from dataclasses import dataclass
from functools import cache

from hypothesis import strategies as st

from runtime.jobs.envelope import ENTRY_POINT, encode
from tests.runtime.drive import FAIR, PLAIN

# Numbers and times that are none, or more than fits.
NUMBERS = (
    b"", b"nan", b"-inf", b"inf", b"1e308", b"1e-400", b"-1", b"0", b"0x10", b" 7 ", b"12:30",
    b"9" * 400, b"9" * 5000, "²".encode(), "٣".encode(), b"1.5", b"\xff\xfe", b"None", b"true",
)  # fmt: skip
TIMES = (
    b"", b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59.999999Z", b"0001-01-01T00:00:00+23:59",
    b"2026-02-30T00:00:00Z", b"1764000000", b"2026-11-24", b"now", b"9" * 400,
)  # fmt: skip
TEXTS = (
    b"", b"\x00", b"\n\n\n", b"\x1b[2J\x1b]0;owned\x07",
    "\u202eexe.\u200f".encode(), b"\xed\xa0\x80",
    b"../../etc/passwd", b"%s%n{0}{{7*7}}", b"'; FLUSHALL\r\n", b"[red]x[/]", b"A" * 70_000,
    b"a:b:c", b"x|y|z", b"-1", b"\xc3\x28",
)  # fmt: skip
_FIELDS = {
    b"status": (*TEXTS, b"bogus", b"started", b"finished", b"canceled", b"rate_limited"),
    b"origin": (*TEXTS, b"prod:other"),
    b"attempt": NUMBERS, b"stalls": NUMBERS, b"timeout": NUMBERS,
    b"retries_left": NUMBERS, b"retry_intervals": TEXTS + NUMBERS, b"result_ttl": NUMBERS,
    b"enqueued_at": TIMES, b"created_at": TIMES, b"started_at": TIMES, b"ended_at": TIMES,
    b"last_heartbeat": TIMES, b"fence": TEXTS, b"worker_name": TEXTS, b"description": TEXTS,
    b"rate_limit_key": (*TEXTS, f"{PLAIN}|".encode(), f"{FAIR}|\x00|x".encode()),
    b"rate_limit_concurrency": NUMBERS, b"meta": TEXTS, b"atlas": TEXTS, b"\xff": NUMBERS,
}  # fmt: skip
MAX_BYTES = 100_000


@dataclass(frozen=True)
class HostileJob:
    """An id that stands in a queue, and what its key holds.

    Attributes:
        fields: of its hash; None for a key that is no hash, {} for none at all.
        place: list, or scheduled (and due).
        results: what its result stream holds: nothing, entries, or not even a stream.
    """

    suffix: bytes
    lane: str
    fields: dict[bytes, bytes] | None
    place: str
    results: str


@cache
def _bomb(opener: bytes) -> bytes:
    return zlib.compress(opener + b" " * 20_000_000, 9)


class _Harm:
    """A pickle that ends the process that loads it."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (66,)


def _message(kind: object, org: object, payload: object) -> bytes:
    return json.dumps(
        [ENTRY_POINT, None, [], {"kind": kind, "org": org, "payload": payload}]
    ).encode()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
_kinds = st.sampled_from(["echo", "fair", "", "no such kind", "os.system", "echo\n", "é" * 100])
_messages = st.builds(_message, _kinds | _json, st.just("o") | _json, _json)
_shapes = st.builds(lambda value: json.dumps(value).encode(), _json)
_functions = st.builds(
    lambda name, args: json.dumps([name, None, args, {}]).encode(),
    st.sampled_from(["os.system", "subprocess.run", "builtins.eval", "tests.runtime", "", "."]),
    st.lists(st.text(max_size=10), max_size=2),
)
_FIXED = (
    b"", b"[", b"[[[[", b"[" * 60_000, b"\x80\x04.", pickle.dumps(_Harm()), b"x\x9c", b"null",
    b'["runtime.entry.perform",null,[],{"kind":"echo","org":"\\ud800","payload":{}}]',
    b'["runtime.entry.perform",null,[],{"kind":"echo","org":"o","payload":{"text":"\\ud800"}}]',
    b'["runtime.entry.perform",null,[],{"kind":"echo","org":"o","payload":{"seconds":NaN}}]',
    b'["runtime.entry.perform",null,[],{"kind":"echo","org":"o","payload":' + b'{"a":' * 9000,
    b"9" * 50_000, b"[" + b"1," * 30_000 + b"1]", b'"' + b"A" * (MAX_BYTES + 1) + b'"',
    zlib.compress(b"[1]")[:-3],
)  # fmt: skip
datas = st.one_of(
    st.sampled_from(_FIXED),
    st.sampled_from([b"[", b"{", b'"', b"\x80"]).map(_bomb),
    st.binary(max_size=200),
    _messages,
    _shapes,
    _functions,
    _messages.map(zlib.compress),
)


@st.composite
def _fields(draw: st.DrawFn) -> dict[bytes, bytes]:
    """A healthy hash of which some fields are hostile, and some are missing."""
    fields = {
        b"status": b"queued", b"origin": PLAIN.encode(), b"description": b"echo o",
        b"created_at": b"2026-11-24T12:00:00.000000Z",
        b"data": encode("echo", "o", b'{"text":"fine"}'),
    }  # fmt: skip
    for name in draw(st.lists(st.sampled_from(sorted(_FIELDS)), max_size=4, unique=True)):
        fields[name] = draw(st.sampled_from(_FIELDS[name]) | st.binary(max_size=30))
    if draw(st.booleans()):
        fields[b"data"] = draw(datas)
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=1)):
        del fields[name]
    return fields


hostile_jobs = st.builds(
    HostileJob,
    # What follows the number in its id; mostly nothing, for such a job comes further.
    suffix=st.just(b"") | st.sampled_from((b"", *TEXTS)),
    lane=st.sampled_from([PLAIN, f"{PLAIN}.high", f"{FAIR}.low", FAIR, f"{PLAIN}.background"]),
    fields=_fields() | _fields() | st.just(None) | st.just({}),
    place=st.sampled_from(["list", "list", "list", "scheduled"]),
    results=st.sampled_from(["none", "none", "entries", "string"]),
)
