"""HTTP calls of workflows, on real servers on loopback."""

import asyncio
import hashlib
import hmac
import json
import ssl
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processors.errors import DefinitionError
from processors.workflow.actions.http import HttpRequestConfig, call_of
from processors.workflow.actions.http_call import (
    MAX_ANSWER,
    AgainError,
    CallError,
    Policy,
    send,
)
from processors.workflow.actions.http_guard import ForbiddenUrlError
from processors.workflow.actions.registry import config_problems
from runtime.client import NewJob
from runtime.outcomes import DeadLetter, Retry
from tests.processors.harness import ORG
from tests.processors.senders.loopback import CLOSE, HANG, RESET, Cut, answer, loopback

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OK = answer(200, {"ok": True})
SECRETS = {"crm": "s3cret-of-crm"}
HERE = Path(__file__).parent
CERTIFICATE = HERE / "hook.example.test.crt.pem"


@pytest.fixture(scope="module")
def server():
    with loopback() as running:
        yield running


@pytest.fixture
def call(server):
    """Makes a call to the server that answers as `told`."""
    server.requests.clear()

    def make(told=OK, *, secrets=SECRETS, **config):
        server.script = lambda _request: told
        policy = Policy(frozenset({f"127.0.0.1:{server.port}"}), secrets)
        config = {"url": f"{server.url}/in", "timeout_s": 5, **config}
        request = call_of(HttpRequestConfig.model_validate(config))
        return asyncio.run(send(request, policy, key="key-1", now=NOW))

    return make


@pytest.mark.parametrize(
    ("told", "content"),
    [
        (answer(200, {"a": [1]}), {"json": {"a": [1]}}),
        (answer(200, "<p>hi</p>"), {"text": "<p>hi</p>"}),
        (answer(200, "not json"), {"text": "not json"}),
        (answer(200, json.dumps({"a": "\x00"})), {"text": '{"a": "\\u0000"}'}),
        (answer(200, "[" * 100_000), {"text": "[" * 100_000}),
        (answer(201, ""), {"text": ""}),
    ],
)
def test_an_answer_is_the_output_as_a_database_can_hold_it(call, told, content):
    output = call(told).output
    assert {key: output[key] for key in content} == content
    assert output["headers"]["content_type"]


def test_a_post_is_signed_with_a_key_that_names_the_step(call, server):
    call(json={"name": "Ana"}, secret="crm", headers={"X-Gym": "7"}, bearer_secret="crm")
    [request] = server.requests
    assert request.method == "POST"
    assert request.json == {"name": "Ana"}
    stamp, _, digest = request.headers["x-atlas-signature"].partition(",v1=")
    expected = hmac.new(
        SECRETS["crm"].encode(), f"{stamp.removeprefix('t=')}.".encode() + request.body,
        hashlib.sha256,
    )  # fmt: skip
    assert stamp == f"t={int(NOW.timestamp())}"
    assert digest == expected.hexdigest()
    assert request.headers["idempotency-key"] == "key-1"
    assert request.headers["authorization"] == "Bearer s3cret-of-crm"
    assert request.headers["x-gym"] == "7"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert request.headers["accept-encoding"] == "identity"


def test_a_form_and_a_query_are_sent_as_such(call, server):
    call(url=f"{server.url}/in?a=1&b=%20", form=[{"key": "x", "value": "1 & 2"}, {"key": "n"}])
    [request] = server.requests
    assert request.form == {"x": "1 & 2"}
    assert request.query == {"a": "1", "b": " "}


def test_no_proxy_of_the_environment_is_used(call, server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert call().status == 200


def test_a_redirect_is_an_answer_and_not_followed(call, server):
    found = call(answer(302, "", Location="http://169.254.169.254/latest"))
    assert (found.status, found.output["headers"]["location"]) == (
        302, "http://169.254.169.254/latest",
    )  # fmt: skip
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({}, None),
        ({"Retry-After": "7"}, timedelta(seconds=7)),
        ({"Retry-After": "99999999"}, timedelta(hours=1)),
        ({"Retry-After": "Wed, 25 Nov 2026 12:01:00 GMT"}, timedelta(minutes=1)),
        ({"Retry-After": "Wed, 25 Nov 2020 12:01:00 GMT"}, timedelta(0)),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "²"}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_host_is_asked_again_when_it_says(call, status, headers, after):
    with pytest.raises(AgainError, match=str(status)) as error:
        call(answer(status, "", **headers))
    assert error.value.after == after


@pytest.mark.parametrize(
    ("told", "method", "raised", "words"),
    [
        (RESET, "POST", CallError, "may have carried it out"),
        (CLOSE, "POST", CallError, "may have carried it out"),
        (CLOSE, "GET", AgainError, "broke"),
        (RESET, "PUT", AgainError, "broke"),
        (HANG, "POST", CallError, "did not answer within 0.3 s; .* may have"),
        (HANG, "GET", AgainError, "did not answer within 0.3 s"),
        (Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), "PATCH", CallError, "may have"),
        (b"what?\r\n\r\n", "POST", CallError, "broke"),
        (answer(200, "x" * (MAX_ANSWER + 1)), "GET", CallError, "more than 262144 bytes"),
        (answer(200, "zip", Content_Encoding="gzip"), "GET", CallError, "an encoding"),
    ],
)
def test_a_lost_answer_is_asked_for_again_only_where_that_is_safe(
    call, told, method, raised, words
):
    with pytest.raises(raised, match=words):
        call(told, method=method, timeout_s=0.3)


def test_a_host_that_is_not_there_is_tried_again(call):
    with pytest.raises(AgainError, match="cannot be reached"):
        asyncio.run(
            send(
                call_of(HttpRequestConfig(url="http://127.0.0.1:1/", json={})),
                Policy(frozenset({"127.0.0.1:1"})), key="k", now=NOW,
            )
        )  # fmt: skip


def test_a_name_that_does_not_exist_is_tried_again():
    async def nowhere(_host, _port):
        raise OSError("Name or service not known")

    request = call_of(HttpRequestConfig(url="https://nowhere.example/"))
    with pytest.raises(AgainError, match=r"nowhere\.example cannot be found"):
        asyncio.run(send(request, Policy(resolve=nowhere), key="k", now=NOW))


def test_a_secret_that_is_not_set_is_named_and_no_value_is_told(call, server):
    with pytest.raises(ForbiddenUrlError, match=r"no secret 'other' .* allowed: crm") as error:
        call(secret="other", json={})
    assert "s3cret" not in str(error.value)
    assert "s3cret" not in repr(Policy(secrets=SECRETS))
    assert server.requests == []


@pytest.fixture(scope="module")
def tls_server():
    """An HTTPS server for hook.example.test; the names that it was asked for."""
    names = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE, HERE / "hook.example.test.key.pem")
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    loop = asyncio.new_event_loop()

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        names.append(head.decode().lower().partition("host: ")[2].partition("\r\n")[0])
        writer.write(answer(200, {"ok": True}))
        await writer.drain()
        writer.close()

    listening = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield listening.sockets[0].getsockname()[1], names
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def to_tls(port, host, tls):
    async def resolve(_host, _port):
        return ["127.0.0.1"]

    policy = Policy(frozenset({f"{host}:{port}"}), tls=tls, resolve=resolve)
    request = call_of(HttpRequestConfig(url=f"https://{host}:{port}/", timeout_s=5))
    return asyncio.run(send(request, policy, key="k", now=NOW))


def test_the_connection_goes_to_the_address_and_the_certificate_is_the_hosts(tls_server):
    port, names = tls_server
    tls = ssl.create_default_context(cafile=CERTIFICATE)
    assert to_tls(port, "hook.example.test", tls).output["json"] == {"ok": True}
    assert names == ["hook.example.test", f"hook.example.test:{port}"]


@pytest.mark.parametrize(
    ("host", "tls"),
    [
        ("other.example.test", ssl.create_default_context(cafile=CERTIFICATE)),
        ("hook.example.test", None),
    ],
)
def test_a_certificate_of_another_host_or_authority_is_refused(tls_server, host, tls):
    with pytest.raises(AgainError, match=r"CERTIFICATE_VERIFY_FAILED|certificate"):
        to_tls(tls_server[0], host, tls)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"url": "https://x.example/{{contact.id}}", "method": "post", "data": {"a": 1}}, None),
        ({"url": "{{variables.hook}}"}, None),
        ({"url": "ftp://x.example/"}, "url: its scheme is 'ftp'"),
        ({"url": "https://a:b@x.example/"}, "url: it holds a user"),
        ({"url": "https://2130706433/"}, "url: its host is a number"),
        ({}, "the setting url is missing"),
        ({"url": "https://x.example/", "method": "TRACE"}, "method: Input should be"),
        (
            {"url": "https://x.example/", "method": "GET", "body": "x"},
            "a GET request sends nothing",
        ),
        ({"url": "https://x.example/", "json": {}, "form": {"a": "b"}}, "several bodies"),
        ({"url": "https://x.example/", "headers": {"Host": "evil"}}, "header Host cannot be set"),
        ({"url": "https://x.example/", "headers": {"TE": "x"}}, "header TE cannot be set"),
        ({"url": "https://x.example/", "headers": {"Content-Length": "0"}}, "cannot be set"),
        ({"url": "https://x.example/", "headers": {"X": "a\r\nY: b"}}, "must be one line of ASCII"),
        ({"url": "https://x.example/", "headers": {"X\n": "a"}}, "is no name of a header"),
        ({"url": "https://x.example/", "headers": {"": "a"}}, "is no name of a header"),
        ({"url": "https://x.example/", "timeout": 31}, "timeout_s: Input should be less"),
    ],
)
def test_a_request_is_checked_when_it_is_saved(config, said):
    found = config_problems("api_call", config)
    assert bool(found) is (said is not None), found
    if said is not None:
        assert said in found[0]


def test_what_a_variable_brings_is_checked_when_it_runs(act):
    scope = {"hook": "https://x.example/\r\nX: 1", "evil": "a\r\nb"}
    with pytest.raises(DefinitionError, match="http_request: url: it holds a space"):
        act("http_request", {"url": "{{hook}}"}, scope=scope)
    with pytest.raises(DefinitionError, match="must be one line of ASCII"):
        act(
            "http_request", {"url": "https://x.example/", "headers": {"X": "{{evil}}"}}, scope=scope
        )
    with pytest.raises(DefinitionError, match="sends more than 262144 bytes"):
        act("http_request", {"url": "https://x.example/", "body": "{{big}}"},
            scope={"big": "\u20ac" * 99_000})  # fmt: skip


def test_a_webhook_tells_what_happened_unless_it_says_something_else(act):
    outcome = act("send_webhook", {"url": "https://x.example/"}, scope={"trigger": {"at": NOW}})
    told = outcome.payload["request"]["json_"]
    assert outcome.kind == "request_http"
    assert told["contact"]["first_name"] == "Ana"
    assert told["trigger"] == {"at": str(NOW)}
    own = act("webhook", {"url": "https://x.example/", "payload": {"score": "{{score}}"}})
    assert own.payload["request"]["json_"] == {"score": 60}


@pytest.mark.parametrize(
    ("told", "attempt", "raised", "words"),
    [
        (answer(200, {}), 1, None, ""),
        (answer(404, {}), 1, DeadLetter, "the answer was 404"),
        (answer(301, "", Location="/x"), 1, DeadLetter, "301, a redirect, which is not followed"),
        (answer(503, "", Retry_After="9"), 1, Retry, "answered 503"),
        (answer(503), 6, DeadLetter, "answered 503; given up after 6 attempts"),
    ],
)
def test_the_job_ends_as_the_answer_says(
    engine, make_settings, server, told, attempt, raised, words
):
    server.script = lambda _request: told
    object.__setattr__(
        engine.resources,
        "settings",
        make_settings(WORKFLOW_HTTP_ALLOWED_HOSTS=f"127.0.0.1:{server.port}"),
    )
    payload = {"execution_id": uuid.UUID(int=1), "node_id": "n", "request": {"url": server.url}}
    job = NewJob("request_http", ORG, payload, job_id="j1")
    if raised is None:
        assert engine.call(job, attempt=attempt) == {"settled": "n"}
        return
    with pytest.raises(raised, match=words) as error:
        engine.call(job, attempt=attempt)
    if raised is Retry:
        assert error.value.after == timedelta(seconds=9)
