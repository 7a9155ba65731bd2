"""The actions that call other systems: http_request, webhook."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from processors.payloads.workflow import RequestHttp
from processors.workflow.actions.config import ActionConfig, Also
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.http_call import MAX_BODY, Call
from processors.workflow.actions.http_guard import read_url
from processors.workflow.actions.outcomes import HandOver
from processors.workflow.actions.registry import action

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e]{0,4000}")
# Ours to set, or of one connection only (RFC 9110, 7.6.1).
_NOT_THEIRS = frozenset(
    {"accept-encoding", "connection", "content-length", "cookie", "expect", "forwarded", "host",
     "http2-settings", "idempotency-key", "keep-alive", "proxy-authenticate",
     "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
     "user-agent", "via", "x-atlas-signature", "x-forwarded-for", "x-forwarded-host"}
)  # fmt: skip


def _url(value: str) -> str:
    read_url(value)
    return value


def _headers(value: Mapping[str, str]) -> Mapping[str, str]:
    for name, text in value.items():
        if _TOKEN.fullmatch(name) is None:
            raise ValueError(f"{name[:60]!r} is no name of a header")
        if name.lower() in _NOT_THEIRS:
            raise ValueError(f"the header {name} cannot be set")
        if _VALUE.fullmatch(text) is None:
            raise ValueError(f"the header {name} must be one line of ASCII")
    return value


def _pairs(value: Any) -> Any:
    """``[{"key": …, "value": …}]``, as the builder's form writes it, as an object of texts."""
    if isinstance(value, list | tuple):
        if not all(isinstance(entry, Mapping) and "key" in entry for entry in value):
            raise ValueError("each entry needs a key and a value")
        value = {entry["key"]: entry.get("value", "") for entry in value}
    if not isinstance(value, Mapping):
        return value
    return {
        str(key): item if isinstance(item, str) else json.dumps(item) for key, item in value.items()
    }


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


Pairs = Annotated[Mapping[str, str], BeforeValidator(_pairs), Field(max_length=50)]


class HttpRequestConfig(ActionConfig):
    """A request over https to a public address.

    One of `json`, `form` and `body` is sent. `secret` names one of the operator's secrets, by which
    the body is signed; `bearer_secret` one that is sent as ``Authorization: Bearer``. An answer
    that is no success fails the step unless `accept_errors` says otherwise.
    """

    url: Annotated[str, Also("webhook_url", "endpoint"), AfterValidator(_url)]
    method: Annotated[
        Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] | None, BeforeValidator(_upper)
    ] = None
    headers: Annotated[
        Mapping[str, str], BeforeValidator(_pairs), AfterValidator(_headers), Field(max_length=50)
    ] = {}
    json_: Annotated[Any, Also("json", "payload", "data")] = None
    form: Annotated[Pairs | None, Also("form_data")] = None
    body: Annotated[str | None, Also("text")] = None
    secret: Annotated[str | None, Also("signing_secret"), Field(max_length=60)] = None
    bearer_secret: Annotated[str | None, Field(max_length=60)] = None
    timeout_s: Annotated[float, Also("timeout"), Field(gt=0, le=30)] = 10
    accept_errors: bool = False

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        given = [name for name in ("json_", "form", "body") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError("it sends several bodies; allowed: one of json, form and body")
        if given and self.method in ("GET", "HEAD"):
            raise ValueError(f"a {self.method} request sends nothing")
        return self


class WebhookConfig(HttpRequestConfig):
    """The same; without a body of its own it sends the event, its contact and the variables."""


@action("http_request", HttpRequestConfig, aliases=("api_call", "http", "fetch"))
def http_request(config: HttpRequestConfig, ctx: ActionContext) -> HandOver:
    """Call another system; its answer is the step's output."""
    return _hand_over(config, ctx)


@action("webhook", WebhookConfig, aliases=("send_webhook", "call_webhook"))
def webhook(config: WebhookConfig, ctx: ActionContext) -> HandOver:
    """Tell another system what happened."""
    has_body = any(value is not None for value in (config.json_, config.form, config.body))
    if not has_body and config.method not in ("GET", "HEAD"):
        contact = ctx.scope.get("contact")
        told = {
            "organisation_id": ctx.org,
            "execution_id": str(ctx.execution_id),
            "contact": dict(contact) if isinstance(contact, Mapping) else None,
            "trigger": ctx.scope.get("trigger") or {},
            "variables": ctx.scope.get("variables") or {},
        }
        # As texts where JSON has no other form: dates, ids.
        plain = json.loads(json.dumps(told, default=str))
        config = config.model_copy(update={"json_": plain})
    return _hand_over(config, ctx)


def _hand_over(config: HttpRequestConfig, ctx: ActionContext) -> HandOver:
    call_of(config)
    given = {name for name in type(config).model_fields if getattr(config, name) is not None}
    payload = RequestHttp(
        execution_id=ctx.execution_id,
        node_id=ctx.step_key,
        request=config.model_dump(mode="json", include=given),
    )
    return HandOver("request_http", payload.model_dump(mode="json"))


def call_of(config: HttpRequestConfig) -> Call:
    """The request as it is sent.

    Raises:
        ValueError: its body is too large.
    """
    headers = dict(config.headers)
    body, kind = b"", None
    if config.json_ is not None:
        body = json.dumps(config.json_, ensure_ascii=False, allow_nan=False, default=str).encode()
        kind = "application/json"
    elif config.form is not None:
        body, kind = urlencode(config.form).encode(), "application/x-www-form-urlencoded"
    elif config.body is not None:
        body, kind = config.body.encode(), "text/plain; charset=utf-8"
    if len(body) > MAX_BODY:
        raise ValueError(f"it sends more than {MAX_BODY} bytes")
    if kind is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = kind
    return Call(
        config.method or ("POST" if body else "GET"),
        config.url,
        headers,
        body,
        config.timeout_s,
        config.secret,
        config.bearer_secret,
    )
