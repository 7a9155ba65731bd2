"""What a campaign says: its template, fixed when it starts, and filled in for each recipient."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.crm.scope import build_scope
from processors.database.models import Campaign, Contact, Organisation, Template, TemplateVersion
from processors.errors import DefinitionError, TemplateError
from processors.payloads.base import MAX_BODY
from processors.payloads.campaigns import CampaignStart
from processors.payloads.messaging import MAX_SMS, MAX_WHATSAPP
from processors.templates.rendering import render, template_names
from processors.texts.interpolation import fill

_MAX_SUBJECT = 998  # RFC 5322, 2.1.1
_LIMITS = {"email": MAX_BODY, "sms": MAX_SMS, "whatsapp": MAX_WHATSAPP}
_PACKAGED = ("email", "whatsapp")


@dataclass(frozen=True, slots=True)
class Personal:
    """The text for one recipient; `subject` is None but for e-mail."""

    body: str
    subject: str | None


def fixed_wording(session: Session, org: str, start: CampaignStart) -> dict[str, Any]:
    """The columns of `Campaign` that hold its wording, as it is now.

    A template that is changed later does not change a campaign that runs.

    Raises:
        TemplateError: there is no such template; with those that exist.
    """
    if start.text is not None:
        text = start.text
        return {"subject": text.subject, "body": text.body, "is_html": text.is_html}
    name = str(start.template)
    query = select(TemplateVersion).join(
        Template,
        (Template.org_id == TemplateVersion.org_id)
        & (Template.channel == TemplateVersion.channel)
        & (Template.name == TemplateVersion.name)
        & (Template.version == TemplateVersion.version),
    )
    stored = session.scalars(
        query.where(
            Template.org_id == org,
            Template.channel == start.channel,
            Template.name == name,
            Template.is_active,
        )
    ).one_or_none()
    if stored is not None:
        return {
            "template": stored.name,
            "template_version": stored.version,
            "subject": stored.subject,
            "body": stored.body,
            "is_html": stored.is_html,
        }
    if start.channel in _PACKAGED and name.replace("_", "-") in _names(start.channel):
        return {"template": name, "is_html": start.channel == "email"}
    allowed = sorted({*_stored_names(session, org, start.channel), *_names(start.channel)})
    raise TemplateError(
        f"there is no {start.channel} template {name[:60]!r}; allowed: {', '.join(allowed)}"
    )


def personalise(
    campaign: Campaign,
    organisation: Organisation | None,
    contact: Contact | None,
    variables: Mapping[str, Any],
    *,
    now: datetime,
) -> Personal:
    """The campaign's text for one recipient.

    Its variables come first, then the contact's fields.

    Raises:
        DefinitionError: a value is missing, or the text becomes too long.
        TemplateError: the template cannot be rendered with what is known.
    """
    scope = build_scope(
        organisation=organisation,
        lead=contact,
        trigger_type="",
        trigger_data={},
        variables=variables,
        outputs={},
        workflow={},
        now=now,
    )
    is_email = campaign.channel == "email"
    if campaign.body is None:
        channel = cast("Literal['email', 'whatsapp']", campaign.channel)
        rendered = render(channel, str(campaign.template), scope)
        body = rendered.body if is_email else rendered.body.strip()
        return Personal(body, (rendered.subject or campaign.name) if is_email else None)
    escape = html.escape if campaign.is_html else str
    body = fill(campaign.body, scope, escape=escape, limit=_LIMITS[campaign.channel])
    if not body.strip():
        raise DefinitionError("the text is empty")
    if not is_email:
        return Personal(body, None)
    subject = fill(campaign.subject or campaign.name, scope, limit=_MAX_SUBJECT)
    # A header is one line, whatever a value brings along.
    return Personal(body, " ".join(subject.split()))


def _names(channel: str) -> list[str]:
    if channel not in _PACKAGED:
        return []
    return template_names(cast("Literal['email', 'whatsapp']", channel))


def _stored_names(session: Session, org: str, channel: str) -> list[str]:
    query = select(Template.name).where(
        Template.org_id == org, Template.channel == channel, Template.is_active
    )
    return list(session.scalars(query.limit(50)))
