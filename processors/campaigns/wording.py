"""What a campaign says: its template, fixed when it starts, and filled in for each recipient."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy.orm import Session

from processors.crm.repository.protocol import Record
from processors.crm.scope import build_scope
from processors.database.models import Campaign
from processors.errors import DefinitionError, TemplateError
from processors.payloads.campaigns import CampaignStart, Channel
from processors.templates.resolving import (
    BuiltInTemplate,
    OwnTemplate,
    read_version,
    resolve_template,
    template_of,
)


@dataclass(frozen=True, slots=True)
class Personal:
    """The text for one recipient; `subject` is empty but for e-mail."""

    body: str
    subject: str
    is_html: bool


def fixed_wording(session: Session, org: str, start: CampaignStart) -> dict[str, Any]:
    """The columns of `Campaign` that hold its wording, and its purpose, as they are now.

    A template that is changed later does not change a campaign that runs.

    Raises:
        TemplateError: there is no such template; with those that exist.
    """
    if start.text is not None:
        text = start.text
        wording = {"subject": text.subject, "body": text.body, "is_html": text.is_html}
        return wording | {"purpose": start.purpose}
    found = resolve_template(session, org, start.channel, str(start.template))
    return {
        "template": found.name,
        "template_version": found.version,
        # Whoever wrote a template knows best what people agreed to.
        "purpose": found.purpose or start.purpose,
    }


class Writer:
    """Fills in a campaign's text.

    Raises:
        TemplateError: the version that the campaign began with is gone.
    """

    def __init__(
        self, session: Session, campaign: Campaign, organisation: Record | None, now: datetime
    ) -> None:
        self._campaign = campaign
        self._template = _template_of(session, campaign)
        self._organisation = organisation
        self._now = now

    def write(self, contact: Record | None, variables: Mapping[str, Any]) -> Personal:
        """The text for one recipient: its variables come first, then the contact's fields.

        Raises:
            DefinitionError: the organisation's time zone or country is none.
            TemplateError: a value is missing, or the text becomes empty or too long.
        """
        scope = build_scope(
            organisation=self._organisation,
            contact=contact,
            trigger_type="",
            trigger_data={},
            variables=variables,
            outputs={},
            workflow={},
            now=self._now,
        )
        try:
            rendered = self._template.render(scope)
        except TemplateError as error:
            if self._campaign.template is None and isinstance(error.__cause__, DefinitionError):
                # It has a text of its own, and no template that could be named.
                raise error.__cause__ from None
            raise
        is_email = self._campaign.channel == "email"
        body = rendered.body if is_email else rendered.body.strip()
        if not body.strip():
            raise DefinitionError("the text is empty")
        subject = (rendered.subject or self._campaign.name) if is_email else ""
        return Personal(body, subject, rendered.is_html)


def _template_of(session: Session, campaign: Campaign) -> OwnTemplate | BuiltInTemplate:
    channel = cast("Channel", campaign.channel)
    if campaign.template is None:
        return OwnTemplate(
            channel, campaign.name, 1, None, campaign.subject, campaign.body or "",
            campaign.is_html, (),
        )  # fmt: skip
    if campaign.template_version is None:
        return BuiltInTemplate(channel, campaign.template)
    row = read_version(
        session, campaign.org_id, channel, campaign.template, campaign.template_version
    )
    if row is None:
        raise TemplateError(
            f"the {channel} template {campaign.template!r} has no version "
            f"{campaign.template_version} any more"
        )
    return template_of(row)
