"""Which actions exist, and what is wrong with the settings of one."""

from collections.abc import Mapping
from typing import Any

from processors.workflow.definition.fields import Fields
from processors.workflow.definition.problems import Findings

_PRIORITIES = ("critical", "urgent", "high", "normal", "medium", "low")
_TEMPLATE = ("template", "templateId", "template_id", "templateName")
_TEMPLATE_DATA = ("template_data", "templateData", "variables")
_MESSAGE = ("to", "recipient", "recipients", "priority", "purpose")
_TEXT = ("message", "body", "content", "text")
_OF_ACTION: Mapping[str, tuple[str, ...]] = {
    "send_email": (
        *_MESSAGE, *_TEMPLATE, *_TEMPLATE_DATA, *_TEXT, "subject", "html", "htmlContent",
        "textContent", "from", "replyTo", "reply_to",
    ),
    "send_sms": (*_MESSAGE, *_TEXT),
    "send_whatsapp": (*_MESSAGE, *_TEMPLATE, *_TEMPLATE_DATA, *_TEXT),
    "add_tag": ("tag", "tagName", "tag_name", "tags", "value"),
    "update_lead": ("updates", "fields", "field", "value", "operation"),
}  # fmt: skip


def action_names() -> tuple[str, ...]:
    """The names of all actions."""
    return tuple(_OF_ACTION)


def action_problems(name: str, config: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings of an action that exists."""
    findings = Findings()
    fields = Fields(config, "", findings)
    given = fields.rest(*_OF_ACTION[name])
    fields.finish()
    for key, allowed in (("priority", _PRIORITIES), ("purpose", ("marketing", "transactional"))):
        value = given.get(key)
        if (
            name.startswith("send_")
            and value not in (None, "")
            and (not isinstance(value, str) or value.lower() not in allowed)
        ):
            fields.refuse(f"{key} is {str(value)[:60]!r}; allowed: {', '.join(allowed)}")
    return [problem.message for problem in findings.problems]
