"""Templates as operators look at them: what there is, filled in, and by version."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.content.html_body import clean_document, inline_trusted
from processors.database.models import CHANNELS, Template, TemplateVersion
from processors.errors import TemplateError
from processors.templates.rendering import template_names
from processors.templates.resolving import (
    BuiltInTemplate,
    Channel,
    OwnTemplate,
    own_template,
    resolve_template,
    template_key,
)
from processors.texts.segments import segments_of


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A template that messages can use; `version` None for a built-in one."""

    name: str
    channel: str
    version: int | None
    purpose: str | None
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A template as it is stored, or as its recipient would get it.

    Attributes:
        segments: of a text message, in words.
    """

    name: str
    channel: str
    version: int | None
    variables: tuple[str, ...]
    subject: str | None
    body: str
    segments: str | None


@dataclass(frozen=True, slots=True)
class VersionView:
    """A stored version."""

    version: int
    created_at: datetime
    is_used: bool
    subject: str | None
    body: str


def list_templates(session: Session, org: str, channel: str | None = None) -> list[TemplateView]:
    """An organisation's templates, and the built-in ones that it has not replaced."""
    channels = CHANNELS if channel is None else (channel,)
    query = (
        select(Template, TemplateVersion)
        .join(
            TemplateVersion,
            (TemplateVersion.org_id == Template.org_id)
            & (TemplateVersion.channel == Template.channel)
            & (TemplateVersion.name == Template.name)
            & (TemplateVersion.version == Template.version),
        )
        .where(Template.org_id == org, Template.channel.in_(channels))
    )
    own = [
        TemplateView(
            row.name, row.channel, row.version, row.purpose,
            tuple(str(each["name"]) for each in version.variables),
        )
        for row, version in session.execute(query)
    ]  # fmt: skip
    taken = {(view.channel, view.name) for view in own}
    built_in = [
        TemplateView(name, each, None, None, ())
        for each in channels
        for name in template_names(each)
        if (each, name) not in taken
    ]
    return sorted([*own, *built_in], key=lambda view: (view.channel, view.name))


def preview(
    session: Session,
    org: str,
    channel: Channel,
    name: str,
    data: Mapping[str, Any] | None,
    *,
    version: int | None = None,
) -> Preview:
    """A template as it is stored (`data` None), or filled in and made ready as for sending.

    Raises:
        TemplateError: there is no such template or version, or it cannot be rendered.
    """
    found: OwnTemplate | BuiltInTemplate
    if version is None:
        found = resolve_template(session, org, channel, name)
    else:
        found = own_template(session, org, channel, name, version)
    if data is not None:
        rendered = found.render(data)
        subject, body = rendered.subject, rendered.body
        if rendered.is_html and rendered.is_trusted:
            body = inline_trusted(body)
        elif rendered.is_html:
            body = clean_document(body, title=subject)
    elif isinstance(found, OwnTemplate):
        subject, body = found.subject or "", found.body
    else:
        subject, body = "", found.source()
    segments = str(segments_of(body)) if channel == "sms" else None
    names = tuple(variable.name for variable in found.variables)
    return Preview(found.name, channel, found.version, names, subject or None, body, segments)


def versions_of(session: Session, org: str, channel: str, name: str) -> list[VersionView]:
    """The versions of an organisation's template, newest first.

    Raises:
        TemplateError: it has no such template of its own.
    """
    key = template_key(name)
    row = session.get(Template, (org, channel, key))
    if row is None:
        raise TemplateError(f"{org[:100]} has no {channel} template {name[:60]!r} of its own")
    query = (
        select(TemplateVersion)
        .filter_by(org_id=org, channel=channel, name=key)
        .order_by(TemplateVersion.version.desc())
    )
    return [
        VersionView(
            each.version, each.created_at, each.version == row.version, each.subject, each.body
        )
        for each in session.scalars(query)
    ]
