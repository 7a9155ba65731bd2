import json
import pickle
import zlib

import pytest

from runtime.jobs.envelope import ENTRY_POINT, EnvelopeError, decode, encode

LIMIT = 1 << 20


def test_round_trip_plain_and_deflated() -> None:
    small = encode("echo", "org_a", b'{"text":"hi"}')
    assert small.startswith(b"[")
    large = encode("echo", "org_a", json.dumps({"text": "x" * 5000}).encode())
    assert len(large) < 1000
    for data, text in ((small, "hi"), (large, "x" * 5000)):
        message = decode(data, max_bytes=LIMIT)
        assert (message.kind, message.org, message.payload) == ("echo", "org_a", {"text": text})
        assert not message.is_stock


def test_a_stock_job_is_recognised() -> None:
    data = zlib.compress(json.dumps(["os.getcwd", None, [1, 2], {"k": "v"}]).encode())
    message = decode(data, max_bytes=LIMIT)
    assert message.is_stock
    assert (message.function, message.args, message.payload) == ("os.getcwd", (1, 2), {"k": "v"})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not JSON"),
        (b"\x00\xff", "not JSON"),
        (zlib.compress(pickle.dumps(("os.system", None, ("true",), {}))), "pickle is never loaded"),
        (b'{"a":1}', "shape"),
        (b'["f",null,[]]', "shape"),
        (b"[1,null,[],{}]", "shape"),
        (json.dumps([ENTRY_POINT, None, [], {}]).encode(), "lacks kind"),
        (
            json.dumps([ENTRY_POINT, None, [], {"kind": 1, "org": "o", "payload": {}}]).encode(),
            "lacks",
        ),
        (zlib.compress(b"[" + b" " * (LIMIT + 10) + b"]"), "larger than"),
    ],
)
def test_garbage_is_refused_with_a_reason(data: bytes, says: str) -> None:
    with pytest.raises(EnvelopeError, match=says):
        decode(data, max_bytes=LIMIT)
