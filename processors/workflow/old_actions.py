"""What an action node does: changes a lead at once, or hands a message to its queue."""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from processors.crm.contacts import add_tag_to, clamp_score, update_contact_fields
from processors.crm.repository.protocol import Record, Repository
from processors.errors import DefinitionError, MissingValueError, TemplateError
from processors.payloads.messaging import MAX_SMS, MAX_WHATSAPP, SendEmail, SendSms, SendWhatsapp
from processors.templates.rendering import render
from processors.texts.interpolation import (
    MAX_CHARS,
    fill,
    interpolate,
    is_one_variable,
    whole_variable,
)
from processors.texts.values import MISSING, id_text, shown
from processors.texts.wording import wording_of
from processors.workflow.definition.graph import Node
from processors.workflow.validator import ACTIONS
from runtime.catalogue.catalogue import Priority

_PRIORITIES = {
    "critical": Priority.CRITICAL,
    "urgent": Priority.CRITICAL,
    "high": Priority.HIGH,
    "normal": Priority.NORMAL,
    "medium": Priority.NORMAL,
    "low": Priority.LOW,
}
_TEMPLATE_KEYS = ("template", "templateId", "template_id", "templateName")
_TEXT_KEYS = ("message", "body", "content", "text")
# Half of what a job may carry by default; a template takes the event's data along.
_MAX_PAYLOAD = 500_000
# More than any header may have (RFC 5322, 2.1.1).
_MAX_LINE = 2_000
_TEMPLATE_SCOPE = ("lead", "organisation", "trigger", "variables")


@dataclass(frozen=True, slots=True)
class Done:
    """The action is carried out."""

    output: dict[str, Any]


@dataclass(frozen=True, slots=True)
class HandOver:
    """A message to enqueue; the step stays open until it was delivered."""

    kind: str
    payload: dict[str, Any]
    priority: Priority | None


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What actions work on. `lead` is locked."""

    scope: Mapping[str, Any]
    lead: Record | None
    origin: Mapping[str, Any]
    now: datetime
    repository: Repository


def run_action(node: Node, context: ActionContext) -> Done | HandOver:
    """Carry out an action node.

    Raises:
        DefinitionError: the action is not supported or lacks something; with what is allowed.
    """
    action = _ACTIONS.get(node.action or "")
    if action is None:
        named = (
            f"the action {node.action!r} is not supported"
            if node.action
            else ("the action names no actionType")
        )
        raise DefinitionError(f"{named}; allowed: {', '.join(ACTIONS)}")
    try:
        return action(node, context)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in e['loc']) or 'message'}: {e['msg']}"
            for e in error.errors(include_url=False, include_input=False)
        )
        raise DefinitionError(f"{node.action}: {problems}") from error
    except (DefinitionError, ValueError, TemplateError) as error:
        raise DefinitionError(f"{node.action}: {error}") from error


def _send_email(node: Node, context: ActionContext) -> HandOver:
    config, scope = node.config, context.scope
    payload: dict[str, Any] = {**context.origin, **_recipients(config, context, "email")}
    subject = _line(config.get("subject"), scope)
    if template := _first(config, _TEMPLATE_KEYS):
        data = _template_data(config, scope)
        # Rendered here only for its subject, and to fail before anything is queued.
        rendered = render("email", str(template), data)
        payload |= {"template": str(template), "template_data": data}
        subject = subject or rendered.subject
    elif markup := _first(config, ("html", "htmlContent", "body", "content")):
        payload["html"] = _text(markup, scope, html.escape)
    elif text := _first(config, ("text", "textContent", "message")):
        payload["text"] = _text(text, scope)
    else:
        raise ValueError("there is no content; allowed: html, text, body or a template")
    payload["subject"] = subject
    for key, name in (("from", "from"), ("replyTo", "reply_to"), ("reply_to", "reply_to")):
        if value := _line(config.get(key), scope):
            payload[name] = value
    return _hand_over("send_email", SendEmail, payload, config)


def _send_sms(node: Node, context: ActionContext) -> HandOver:
    message = _first(node.config, _TEXT_KEYS)
    if message is None:
        raise ValueError("there is no message")
    payload = {
        **context.origin,
        **_recipients(node.config, context, "phone"),
        "message": _text(message, context.scope, limit=MAX_SMS),
    }
    return _hand_over("send_sms", SendSms, payload, node.config)


def _send_whatsapp(node: Node, context: ActionContext) -> HandOver:
    payload: dict[str, Any] = {
        **context.origin,
        **_recipients(node.config, context, "phone"),
    }
    if template := _first(node.config, _TEMPLATE_KEYS):
        data = _template_data(node.config, context.scope)
        render("whatsapp", str(template), data)
        payload |= {"template": str(template), "template_data": data}
    elif message := _first(node.config, _TEXT_KEYS):
        payload["message"] = _text(message, context.scope, limit=MAX_WHATSAPP)
    else:
        raise ValueError("there is no message and no template")
    return _hand_over("send_whatsapp", SendWhatsapp, payload, node.config)


def _add_tag(node: Node, context: ActionContext) -> Done:
    lead = _lead(context)
    tags = _first(node.config, ("tag", "tagName", "tag_name", "tags", "value"))
    listed = tags if isinstance(tags, list) else [tags]
    names = [_line(tag, context.scope) for tag in listed if tag is not None]
    if not names or not all(0 < len(name) <= 100 for name in names):
        raise ValueError("there is no tag; allowed: 1 to 100 characters")
    added = []
    for name in names:
        # As it is after the tag before.
        current = context.repository.get(lead["org_id"], "contact", lead["id"], lock=True) or lead
        if add_tag_to(context.repository, current, name, now=context.now):
            added.append(name)
    return Done({"lead_id": lead["id"], "added": added})


def _update_lead(node: Node, context: ActionContext) -> Done:
    lead = _lead(context)
    config = node.config
    updates = _first(config, ("updates", "fields"))
    if isinstance(updates, list):
        updates = {
            str(entry["field"]): entry.get("value")
            for entry in updates
            if isinstance(entry, Mapping) and "field" in entry
        }
    if updates is None and isinstance(config.get("field"), str):
        updates = {config["field"]: config.get("value")}
    if updates is None and config.get("operation") in ("add", "subtract", "set"):
        updates = {"score": _new_score(lead["score"], config["operation"], config.get("value"))}
    if not isinstance(updates, Mapping) or not updates:
        raise ValueError("there is nothing to update; allowed: updates with fields and values")
    changed = update_contact_fields(
        context.repository, lead, interpolate(dict(updates), context.scope), now=context.now
    )
    return Done({"lead_id": lead["id"], "changed": changed})


def _new_score(score: int, operation: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DefinitionError("a change of score needs a number")
    return clamp_score({"add": score + value, "subtract": score - value, "set": value}[operation])


_ACTIONS: dict[str, Callable[[Node, ActionContext], Done | HandOver]] = {
    "send_email": _send_email,
    "send_sms": _send_sms,
    "send_whatsapp": _send_whatsapp,
    "add_tag": _add_tag,
    "update_lead": _update_lead,
}


def _hand_over(
    kind: str,
    model: type[SendEmail | SendSms | SendWhatsapp],
    payload: dict[str, Any],
    config: Mapping[str, Any],
) -> HandOver:
    """Checked here: what the queue would refuse must fail the step, not the enqueue after it."""
    message = model.model_validate(payload)
    if len(message.model_dump_json(exclude_unset=True)) > _MAX_PAYLOAD:
        raise ValueError(f"the message and its data are larger than {_MAX_PAYLOAD} bytes")
    checked = message.model_dump(mode="json", exclude_unset=True)
    return HandOver(kind, checked, _PRIORITIES.get(str(config.get("priority", "")).lower()))


def _lead(context: ActionContext) -> Record:
    if context.lead is None:
        raise ValueError("the event that started the workflow names no lead")
    return context.lead


def _recipients(config: Mapping[str, Any], context: ActionContext, field: str) -> dict[str, Any]:
    """Whom to write to: ``to``, and ``refused`` with those of a list who cannot be addressed."""
    given = _first(config, ("to", "recipient", "recipients"))
    if not isinstance(given, list):
        found = given if given is None else interpolate(given, context.scope)
        if found in (None, "", "lead", "contact"):
            return {"to": _of_lead(context, field)}
        given = found if isinstance(found, list) else [found]
    to: list[str] = []
    refused: dict[str, str] = {}
    for entry in given:
        try:
            found = interpolate(entry, context.scope)
        except DefinitionError as error:
            refused[str(entry)[:200]] = str(error)[:500]
            continue
        for one in found if isinstance(found, list) else [found]:
            if (text := id_text(one)) is None:
                raise ValueError(f"a recipient must be a text, not {shown(one)}")
            to.append(text)
    if not to:
        reasons = "; ".join(dict.fromkeys(refused.values())) or "the list is empty"
        raise MissingValueError(f"there is no recipient: {reasons}")
    return {"to": to} | ({"refused": refused} if refused else {})


def _of_lead(context: ActionContext, field: str) -> str:
    for scope in (context.scope.get("lead"), context.scope):
        if isinstance(scope, Mapping) and (text := id_text(scope.get(field))) is not None:
            return text
    raise ValueError(f"there is no recipient: the lead has no {field}")


def _template_data(config: Mapping[str, Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    """What a template may use. A variable without a value is left out: the template may do so."""
    given = _first(config, ("template_data", "templateData", "variables"))
    data = {key: scope.get(key) or {} for key in _TEMPLATE_SCOPE}
    for key, value in given.items() if isinstance(given, Mapping) else ():
        if isinstance(value, str) and is_one_variable(value):
            if (found := whole_variable(value, scope)) is not MISSING:
                data[key] = found
        else:
            data[key] = interpolate(value, scope)
    return data


def _first(config: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((config[key] for key in keys if config.get(key) not in (None, "")), None)


def _text(
    value: Any,
    scope: Mapping[str, Any],
    escape: Callable[[str], str] = str,
    *,
    limit: int = MAX_CHARS,
) -> str:
    """A setting as a text for a person, its variables filled in."""
    text = value if isinstance(value, str) else wording_of(scope).write(value)
    return fill(text, scope, escape=escape, limit=limit)


def _line(value: Any, scope: Mapping[str, Any]) -> str:
    """One line: a line break in a variable must not become one in a header."""
    if value is None:
        return ""
    return " ".join(_text(value, scope, limit=_MAX_LINE).split())
