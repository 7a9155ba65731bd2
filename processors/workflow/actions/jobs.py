"""Handlers of the actions that call something outside: run_action, request_http.

The call comes first, and what came of it is written in one transaction with the step. A worker that
dies in between makes the call happen again: at least once. Both calls carry a key that stays the
same, by which the other side can tell.
"""

import asyncio
import ssl
import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from processors.errors import DefinitionError
from processors.payloads.base import storable_json
from processors.payloads.workflow import RequestHttp, RunAction
from processors.resources import resources_of
from processors.settings import CrmSettings, WorkflowSettings
from processors.workflow.actions.config import in_one_line
from processors.workflow.actions.http import HttpRequestConfig, call_of
from processors.workflow.actions.http_call import AgainError, CallError, Policy, send
from processors.workflow.actions.http_guard import ForbiddenUrlError
from processors.workflow.actions.registry import MAX_PAYLOAD, ActionJob, find_action
from processors.workflow.delivered import settle_step
from runtime.context import JobContext
from runtime.outcomes import DeadLetter, Outcome, Retry

_NAMESPACE = uuid.UUID("0b6f2a54-2f52-5c3a-8f0e-41d0c1a5d7b2")


async def run_action(ctx: JobContext, payload: RunAction) -> dict[str, Any]:
    """Carry out a registered action, and settle its step.

    Raises:
        DeadLetter: the action does not exist, refuses, or returned what cannot be stored.
        Retry: as the action says.
    """
    job = ActionJob(ctx.org, _key(payload), ctx.now(), ctx.attempt, ctx.deadline)
    try:
        found = find_action(payload.action)
        config = found.config.model_validate(payload.config)
        output = _stored(await found.function(config, job))
    except Outcome:
        raise
    except (DefinitionError, ValueError) as error:
        said = in_one_line(error) if isinstance(error, ValidationError) else str(error)
        raise await _failed(ctx, payload, f"{payload.action}: {said}") from error
    return await _done(ctx, payload, output)


async def request_http(ctx: JobContext, payload: RequestHttp) -> dict[str, Any]:
    """Make an HTTP call, and settle its step with the answer.

    Raises:
        Retry: the host could not be reached, or asked to come back.
        DeadLetter: it may not be called, or what it answered is a failure.
    """
    config = HttpRequestConfig.model_validate(payload.request)
    policy = policy_of(resources_of(ctx).settings.of(CrmSettings).workflow)
    try:
        answer = await send(call_of(config), policy, key=_key(payload), now=ctx.now())
    except AgainError as error:
        if ctx.attempt < ctx.max_attempts:
            raise Retry(error.after, reason=str(error)) from None
        tried = f"{error}; given up after {ctx.attempt} attempts"
        raise await _failed(ctx, payload, tried) from None
    except (CallError, ForbiddenUrlError) as error:
        raise await _failed(ctx, payload, str(error)) from None
    if not 200 <= answer.status < 300 and not config.accept_errors:
        kind = ", a redirect, which is not followed" if 300 <= answer.status < 400 else ""
        reason = f"the answer was {answer.status}{kind}"
        raise await _failed(ctx, payload, reason, answer.output)
    return await _done(ctx, payload, answer.output)


def policy_of(settings: WorkflowSettings) -> Policy:
    """What the settings allow."""
    tls = None
    if settings.http_ca_file is not None:
        tls = ssl.create_default_context(cafile=settings.http_ca_file)
    return Policy(settings.trusted_hosts(), settings.secrets(), tls)


def _key(payload: RunAction | RequestHttp) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{payload.execution_id}:{payload.node_id}"))


def _stored(output: Any) -> dict[str, Any]:
    if not isinstance(output, Mapping):
        raise DefinitionError(f"its code returned {type(output).__name__}; allowed: a mapping")
    found: dict[str, Any] = storable_json(dict(output))
    if len(str(found)) > MAX_PAYLOAD:
        raise DefinitionError(f"its output is larger than {MAX_PAYLOAD} bytes")
    return found


async def _done(
    ctx: JobContext, payload: RunAction | RequestHttp, output: dict[str, Any]
) -> dict[str, Any]:
    await asyncio.to_thread(_settle, ctx, payload, output, None)
    return {"settled": payload.node_id}


async def _failed(
    ctx: JobContext,
    payload: RunAction | RequestHttp,
    reason: str,
    output: dict[str, Any] | None = None,
) -> DeadLetter:
    """The step is closed as failed; the job's end, to be raised."""
    await asyncio.to_thread(_settle, ctx, payload, output or {}, reason)
    return DeadLetter(f"step {payload.node_id}: {reason}"[:1_000])


def _settle(
    ctx: JobContext, payload: RunAction | RequestHttp, output: dict[str, Any], error: str | None
) -> None:
    with resources_of(ctx).database.write() as session:
        jobs = settle_step(
            session,
            org=ctx.org,
            execution_id=payload.execution_id,
            node_id=payload.node_id,
            output=output,
            error=error,
            now=ctx.now(),
        )
    ctx.client.enqueue_many(jobs)
