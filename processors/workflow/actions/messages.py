"""Actions that write to people: send_email, send_sms, send_whatsapp.

They hand a checked message to its queue; the step stays open until it was delivered.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BeforeValidator, model_validator

from processors.errors import DefinitionError, MissingValueError
from processors.payloads.messaging import MAX_SMS, MAX_WHATSAPP, SendEmail, SendSms, SendWhatsapp
from processors.templates.rendering import Rendered
from processors.texts.interpolation import interpolate, is_one_variable, whole_variable
from processors.texts.values import MISSING, id_text, moment, shown
from processors.workflow.actions.config import ActionConfig, Also, AtMost, Filled
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.outcomes import HandOver, Purpose
from processors.workflow.actions.registry import MAX_PAYLOAD, action
from runtime.catalogue.catalogue import Priority

_PRIORITIES = {
    "critical": Priority.CRITICAL,
    "urgent": Priority.CRITICAL,
    "high": Priority.HIGH,
    "normal": Priority.NORMAL,
    "medium": Priority.NORMAL,
    "low": Priority.LOW,
}
# What a template may use besides its own data.
_TEMPLATE_SCOPE = ("lead", "contact", "organisation", "trigger", "variables")
# Recipients that mean the contact itself.
_CONTACT = (None, "", "lead", "contact")


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


class MessageConfig(ActionConfig):
    """Whom a message goes to, and how urgent it is.

    Without `to` it goes to the contact. `to` may be a list; whoever of it cannot be addressed is
    recorded as refused. `purpose` decides whether consent is needed. After `not_after`, a date or
    time in the organisation's zone, it is of no use and is not sent any more.
    """

    to: Annotated[Any, Also("recipient", "recipients"), Filled.RAW] = None
    priority: Annotated[
        Literal["critical", "urgent", "high", "normal", "medium", "low"] | None,
        BeforeValidator(_lower),
    ] = None
    purpose: Annotated[Purpose | None, BeforeValidator(_lower)] = None
    not_after: Annotated[Any, Also("expires_at", "valid_until")] = None


Template = Annotated[str | None, Also("template_id", "template_name"), Filled.VALUE]
TemplateData = Annotated[Mapping[str, Any] | None, Also("variables"), Filled.RAW]


class TemplatedConfig(MessageConfig):
    """A message whose text may be a template; `template_data` may hold variables."""

    CONTENT: ClassVar[tuple[str, ...]] = ("message", "template")

    template: Template = None
    template_data: TemplateData = None

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        given = [name for name in self.CONTENT if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"it has {' and '.join(given)}" if given else "there is no content"
            raise ValueError(f"{found}; allowed: one of {', '.join(self.CONTENT)}")
        return self


T = TypeVar("T", bound=TemplatedConfig)


class SendEmailConfig(TemplatedConfig):
    """An e-mail: a template, or HTML, or plain text. A template brings its own subject."""

    CONTENT = ("html", "text", "template")

    subject: Annotated[str | None, Filled.LINE] = None
    html: Annotated[str | None, Also("html_content", "body", "content"), Filled.MARKUP] = None
    text: Annotated[str | None, Also("text_content", "message"), Filled.PROSE] = None
    from_: Annotated[str | None, Also("from"), Filled.LINE] = None
    reply_to: Annotated[str | None, Filled.LINE] = None


class SendSmsConfig(TemplatedConfig):
    """A text message of up to 1,600 characters, or a template of one."""

    message: Annotated[
        str | None, Also("body", "content", "text"), Filled.PROSE, AtMost(MAX_SMS)
    ] = None


class SendWhatsappConfig(TemplatedConfig):
    """A WhatsApp message: free text of up to 4,096 characters, or a template."""

    message: Annotated[
        str | None, Also("body", "content", "text"), Filled.PROSE, AtMost(MAX_WHATSAPP)
    ] = None


@action("send_email", SendEmailConfig, aliases=("email",))
def send_email(config: SendEmailConfig, ctx: ActionContext) -> HandOver:
    """Send an e-mail to the contact or to others."""
    payload: dict[str, Any] = {"subject": config.subject or ""}
    if config.template is not None:
        # Rendered here only for its subject, and to fail before anything is queued.
        data, rendered, config = _rendered("email", config, ctx)
        payload |= {"template": config.template, "template_data": data}
        payload["subject"] = config.subject or rendered.subject
    else:
        payload |= _given({"html": config.html, "text": config.text})
    payload |= _given({"from": config.from_, "reply_to": config.reply_to})
    return hand_over("send_email", SendEmail, payload, config, ctx)


@action("send_sms", SendSmsConfig, aliases=("sms",))
def send_sms(config: SendSmsConfig, ctx: ActionContext) -> HandOver:
    """Send a text message to the contact or to others."""
    message = config.message or ""
    if config.template is not None:
        _, rendered, config = _rendered("sms", config, ctx)
        message = rendered.body.strip()
    _bounded(message, MAX_SMS)
    return hand_over("send_sms", SendSms, {"message": message}, config, ctx)


@action("send_whatsapp", SendWhatsappConfig, aliases=("whatsapp",))
def send_whatsapp(config: SendWhatsappConfig, ctx: ActionContext) -> HandOver:
    """Send a WhatsApp message to the contact or to others."""
    if config.template is not None:
        data, _, config = _rendered("whatsapp", config, ctx)
        payload: dict[str, Any] = {"template": config.template, "template_data": data}
    else:
        _bounded(str(config.message), MAX_WHATSAPP)
        payload = {"message": config.message}
    return hand_over("send_whatsapp", SendWhatsapp, payload, config, ctx)


def _rendered(
    channel: Literal["email", "sms", "whatsapp"], config: T, ctx: ActionContext
) -> tuple[dict[str, Any], Rendered, T]:
    """The template's data, what becomes of them, and the settings with the template's purpose."""
    template = ctx.template(channel, str(config.template))
    data = _template_data(config.template_data, ctx.scope)
    rendered = template.render(data)
    if config.purpose is None and template.purpose is not None:
        config = config.model_copy(update={"purpose": template.purpose})
    return data, rendered, config


def hand_over(
    kind: str,
    model: type[SendEmail | SendSms | SendWhatsapp],
    content: Mapping[str, Any],
    config: MessageConfig,
    ctx: ActionContext,
    *,
    recipients: Mapping[str, Any] | None = None,
) -> HandOver:
    """A message for its queue.

    Checked here: what the queue would refuse must fail the step, not the enqueue after it.

    Raises:
        ValueError: the queue would refuse it, or nobody can be addressed.
    """
    field = "email" if kind == "send_email" else "phone"
    to = _recipients(config.to, ctx, field) if recipients is None else recipients
    said = _given({"purpose": config.purpose, "not_after": _not_after(config.not_after, ctx)})
    origin = {"execution_id": str(ctx.execution_id), "node_id": ctx.step_key}
    message = model.model_validate({**origin, **to, **said, **content})
    if len(message.model_dump_json(exclude_unset=True)) > MAX_PAYLOAD:
        raise ValueError(f"the message and its data are larger than {MAX_PAYLOAD} bytes")
    priority = None if config.priority is None else _PRIORITIES[config.priority]
    checked = message.model_dump(mode="json", exclude_unset=True)
    return HandOver(kind, checked, priority, config.purpose)


def _not_after(value: Any, ctx: ActionContext) -> datetime | None:
    if value is None:
        return None
    found = moment(value, ctx.zone)
    if found is None:
        raise ValueError(f"not_after: {shown(value)} is no date; allowed: ISO 8601")
    return found


def _recipients(given: Any, ctx: ActionContext, field: str) -> dict[str, Any]:
    """Whom to write to: ``to``, and ``refused`` with those of a list who cannot be addressed."""
    scope = ctx.scope
    if not isinstance(given, list | tuple):
        found = interpolate(given, scope)
        if found in _CONTACT:
            return _given({"to": _of_contact(scope, field), "contact_id": ctx.contact_id})
        given = found if isinstance(found, list) else [found]
    to, refused = _addressed(given, scope)
    if not to:
        reasons = "; ".join(dict.fromkeys(refused.values())) or "the list is empty"
        raise MissingValueError(f"there is no recipient: {reasons}")
    return {"to": to} | ({"refused": refused} if refused else {})


def _addressed(given: Iterable[Any], scope: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    to: list[str] = []
    refused: dict[str, str] = {}
    for entry in given:
        try:
            found = interpolate(entry, scope)
        except DefinitionError as error:
            refused[str(entry)[:200]] = str(error)[:500]
            continue
        for one in found if isinstance(found, list) else [found]:
            if (text := id_text(one)) is None:
                raise ValueError(f"a recipient must be a text, not {shown(one)}")
            to.append(text)
    return to, refused


def _of_contact(scope: Mapping[str, Any], field: str) -> str:
    for facts in (scope.get("contact"), scope):
        if isinstance(facts, Mapping) and (text := id_text(facts.get(field))) is not None:
            return text
    raise ValueError(f"there is no recipient: the contact has no {field}")


def _template_data(given: Mapping[str, Any] | None, scope: Mapping[str, Any]) -> dict[str, Any]:
    """What a template may use. A variable without a value is left out: the template may do so."""
    data = {key: scope.get(key) or {} for key in _TEMPLATE_SCOPE}
    for key, value in (given or {}).items():
        if isinstance(value, str) and is_one_variable(value):
            if (found := whole_variable(value, scope)) is not MISSING:
                data[key] = found
        else:
            data[key] = interpolate(value, scope)
    return data


def _bounded(text: str, limit: int) -> None:
    if len(text) > limit:
        raise ValueError(f"the text becomes longer than {limit} characters")


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
