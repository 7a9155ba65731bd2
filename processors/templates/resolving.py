"""The template that a message names: the organisation's own, else a built-in one."""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from processors.database.models import Template, TemplateVersion
from processors.errors import DefinitionError, TemplateError
from processors.naming import name_key
from processors.templates.rendering import Rendered, render, template_names, template_source
from processors.texts.interpolation import Variable, fill
from processors.texts.paths import lookup
from processors.texts.values import is_missing

Channel = Literal["email", "sms", "whatsapp"]
# Twilio's limit for a text, WhatsApp's for a message, and what a body of any job may have.
MAX_CHARS: Mapping[str, int] = {"email": 200_000, "sms": 1_600, "whatsapp": 4_096}
_MAX_SUBJECT = 998  # RFC 5322, 2.1.1
_MAX_CACHED = 500
_Key = tuple[Any, ...]
# A version never changes: it is read once a process. By database, since a process may use several.
_cache: WeakKeyDictionary[Engine, dict[_Key, "OwnTemplate"]] = WeakKeyDictionary()


def template_key(name: str) -> str:
    """The form in which names are stored and looked up: ``Welcome_Lead`` is ``welcome-lead``."""
    return name_key(name, 200).replace("_", "-")


@dataclass(frozen=True, slots=True)
class OwnTemplate:
    """A version of an organisation's template: variables only, no logic.

    Attributes:
        purpose: None for what the message that uses it says.
        variables: the declared ones.
    """

    channel: Channel
    name: str
    version: int
    purpose: str | None
    subject: str | None
    body: str
    is_html: bool
    variables: tuple[Variable, ...]

    def render(self, data: Mapping[str, Any]) -> Rendered:
        """Fill it in: a declared default stands for what has no value.

        Raises:
            TemplateError: a variable has neither a value nor a default, or it becomes too long.
        """
        scope = _with_defaults(data, self.variables)
        escape: Callable[[str], str] = html.escape if self.is_html else str
        try:
            body = fill(self.body, scope, escape=escape, limit=MAX_CHARS[self.channel])
            subject = fill(self.subject or "", scope, limit=_MAX_SUBJECT)
        except DefinitionError as error:
            raise TemplateError(
                f"the template {self.name!r} (version {self.version}) cannot be rendered: {error}"
            ) from error
        return Rendered(body, " ".join(subject.split()), is_html=self.is_html)


@dataclass(frozen=True, slots=True)
class BuiltInTemplate:
    """A file beside this module; it says itself what stands for missing data."""

    channel: Channel
    name: str
    version: None = None
    purpose: None = None
    variables: tuple[Variable, ...] = ()

    def render(self, data: Mapping[str, Any]) -> Rendered:
        """Fill it in.

        Raises:
            TemplateError: it cannot be rendered with these data.
        """
        return render(cast("Literal['email', 'whatsapp']", self.channel), self.name, data)

    def source(self) -> str:
        """The file's text."""
        return template_source(self.channel, self.name)


def resolve_template(
    session: Session, org: str, channel: Channel, name: str
) -> OwnTemplate | BuiltInTemplate:
    """The template of that name, in the version that is in use; one statement, two for a new one.

    Args:
        session: any transaction.
        org: whose template.
        channel: names are the channel's own.
        name: in any spelling, see `template_key`.

    Raises:
        TemplateError: there is none (with those that exist), or it is switched off.
    """
    key = template_key(name)
    query = select(
        Template.version, Template.purpose, Template.is_active, Template.created_at
    ).where(Template.org_id == org, Template.channel == channel, Template.name == key)
    row = session.execute(query).one_or_none()
    if row is None:
        if key in template_names(channel):
            return BuiltInTemplate(channel, key)
        allowed = ", ".join(_names(session, org, channel)) or "none"
        raise TemplateError(f"there is no {channel} template {name[:60]!r}; allowed: {allowed}")
    if not row.is_active:
        raise TemplateError(f"the {channel} template {key!r} is switched off")
    return _version(session, (org, channel, key, row.version, row.purpose, row.created_at))


def read_version(
    session: Session, org: str, channel: str, name: str, version: int
) -> TemplateVersion | None:
    """A stored version, whichever is in use."""
    return session.get(TemplateVersion, (org, channel, template_key(name), version))


def own_template(
    session: Session, org: str, channel: Channel, name: str, version: int
) -> OwnTemplate:
    """A stored version of an organisation's template, whichever is in use.

    Raises:
        TemplateError: there is none.
    """
    return _read(session, (org, channel, template_key(name), version, None))


def template_of(row: TemplateVersion, purpose: str | None = None) -> OwnTemplate:
    """A stored version as it is rendered."""
    variables = tuple(Variable(str(each["name"]), each.get("default")) for each in row.variables)
    return OwnTemplate(
        cast("Channel", row.channel), row.name, row.version, purpose, row.subject, row.body,
        row.is_html, variables,
    )  # fmt: skip


def _version(session: Session, key: _Key) -> OwnTemplate:
    bind = session.get_bind()
    cached = _cache.setdefault(bind if isinstance(bind, Engine) else bind.engine, {})
    if (found := cached.get(key)) is not None:
        return found
    found = _read(session, key)
    if len(cached) >= _MAX_CACHED:
        cached.pop(next(iter(cached)), None)
    cached[key] = found
    return found


def _read(session: Session, key: _Key) -> OwnTemplate:
    org, channel, name, version, purpose, *_ = key
    row = read_version(session, org, channel, name, version)
    if row is None:
        raise TemplateError(f"the {channel} template {name[:60]!r} has no version {version}")
    return template_of(row, purpose)


def _names(session: Session, org: str, channel: str) -> list[str]:
    query = select(Template.name).where(Template.org_id == org, Template.channel == channel)
    return sorted({*session.scalars(query.limit(100)), *template_names(channel)})


def _with_defaults(data: Mapping[str, Any], variables: tuple[Variable, ...]) -> Mapping[str, Any]:
    scope = dict(data)
    for variable in variables:
        if variable.default is not None and is_missing(lookup(scope, variable.name)):
            _put(scope, variable.name.split("."), variable.default)
    return scope


def _put(scope: dict[str, Any], path: list[str], value: str) -> None:
    """Set a value within objects; those on the way are copied, not changed."""
    head, *rest = path
    if not rest:
        scope[head] = value
        return
    inner = scope.get(head)
    scope[head] = dict(inner) if isinstance(inner, Mapping) else {}
    _put(scope[head], rest, value)
