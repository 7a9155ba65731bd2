"""Saving templates: every problem is named at once, and each change is a version that stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from processors.addresses.mail_address import require_line
from processors.database.models import CHANNELS, PURPOSES, Organisation, Template, TemplateVersion
from processors.errors import MissingValueError, TemplateError
from processors.naming import snake_case
from processors.templates.resolving import MAX_CHARS, template_key
from processors.texts.interpolation import Variable, malformed, variables_in


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """A template as it is saved.

    Attributes:
        channel: ``email``, ``sms`` or ``whatsapp``.
        name: in any spelling, see `template_key`.
        body: text, or HTML when `is_html`, with ``{{variables}}``.
        subject: of an e-mail.
        is_html: e-mail alone.
        purpose: ``marketing``, ``transactional``, or None for what the message says.
        variables: the declared ones; None takes those that are used.
    """

    channel: str
    name: str
    body: str
    subject: str | None = None
    is_html: bool = False
    purpose: str | None = None
    variables: Sequence[Variable] | None = None


@dataclass(frozen=True, slots=True)
class SavedTemplate:
    """What saving did; `unused` names what is declared and stands nowhere."""

    name: str
    version: int
    is_new: bool
    unused: tuple[str, ...]


def save_template(session: Session, org: str, new: NewTemplate, *, now: datetime) -> SavedTemplate:
    """Save a template: a new version that is in use from now on, none when nothing changed.

    Args:
        session: a write transaction.
        org: whose template.
        new: what it says.
        now: when.

    Raises:
        TemplateError: it cannot be saved; all problems in one line.
    """
    name, used = template_key(new.name), _check(session, org, new)
    declared = used if new.variables is None else list(new.variables)
    content: dict[str, Any] = {
        "subject": new.subject,
        "body": new.body,
        "is_html": new.is_html,
        "variables": [_stored(variable) for variable in declared],
    }
    row = _locked(session, org, new.channel, name)
    unused = tuple(sorted({_same(v.name): v.name for v in declared if not _in(v, used)}.values()))
    if row is not None:
        current = session.get(TemplateVersion, (org, new.channel, name, row.version))
        if current is not None and _is_same(current, content) and row.purpose == new.purpose:
            return SavedTemplate(name, row.version, is_new=False, unused=unused)
    version = _newest(session, org, new.channel, name) + 1
    if row is None:
        row = Template(org_id=org, channel=new.channel, name=name, created_at=now)
        session.add(row)
    row.purpose = new.purpose
    _add_version(session, row, version, content, now)
    return SavedTemplate(name, version, is_new=True, unused=unused)


def roll_back(
    session: Session, org: str, channel: str, name: str, version: int, *, now: datetime
) -> int | None:
    """Say again what a stored version says; the number of the version that does, see decision 121.

    None when it is the one in use.

    Raises:
        TemplateError: there is no such template or version.
    """
    key = template_key(name)
    row = _locked(session, org, channel, key)
    if row is None:
        raise TemplateError(f"{org[:100]} has no {channel} template {name[:60]!r} of its own")
    old = session.get(TemplateVersion, (org, channel, key, version))
    newest = _newest(session, org, channel, key)
    if old is None:
        raise TemplateError(f"{key!r} has no version {version}; allowed: 1 to {newest}")
    if row.version == version:
        return None
    content = {name: getattr(old, name) for name in ("subject", "body", "is_html", "variables")}
    _add_version(session, row, newest + 1, content, now)
    return row.version


def _add_version(
    session: Session, row: Template, version: int, content: dict[str, Any], now: datetime
) -> None:
    row.version, row.updated_at = version, now
    session.flush()
    session.add(
        TemplateVersion(
            org_id=row.org_id, channel=row.channel, name=row.name, version=version,
            created_at=now, **content,
        )
    )  # fmt: skip
    session.flush()


def _check(session: Session, org: str, new: NewTemplate) -> list[Variable]:
    """The variables that it uses.

    Raises:
        TemplateError: see `save_template`.
    """
    if new.channel not in CHANNELS:
        allowed = ", ".join(CHANNELS)
        raise TemplateError(f"{new.channel[:20]!r} is no channel; allowed: {allowed}")
    problems = _of_form(new)
    if session.get(Organisation, org) is None:
        problems.append(f"there is no organisation {org[:100]!r}")
    broken = [*malformed(new.body), *malformed(new.subject or "")]
    problems += broken
    used: list[Variable] = []
    if not broken:
        used = _used(new)
        if new.variables is not None:
            missing = sorted({v.name for v in used if not _in(v, new.variables)})
            if missing:
                problems.append(f"uses variables that are not declared: {', '.join(missing)}")
    if problems:
        raise TemplateError(f"the template cannot be saved: {'; '.join(problems)}")
    return used


def _used(new: NewTemplate) -> list[Variable]:
    found: dict[str, Variable] = {}
    try:
        for variable in (*variables_in(new.body), *variables_in(new.subject or "")):
            found.setdefault(variable.name, variable)
    except MissingValueError as error:
        raise TemplateError(f"the template cannot be saved: {error}") from error
    return list(found.values())


def _of_form(new: NewTemplate) -> list[str]:
    problems = []
    if not template_key(new.name):
        problems.append("it needs a name")
    if not new.body.strip():
        problems.append("its body is empty")
    if len(new.body) > MAX_CHARS[new.channel]:
        most = MAX_CHARS[new.channel]
        problems.append(f"its body has {len(new.body)} characters; allowed: {most}")
    if new.purpose is not None and new.purpose not in PURPOSES:
        problems.append(f"{new.purpose[:20]!r} is no purpose; allowed: {', '.join(PURPOSES)}")
    if new.channel == "email":
        if not (new.subject or "").strip():
            problems.append("an e-mail needs a subject")
    elif new.subject is not None or new.is_html:
        problems.append("only an e-mail has a subject or HTML")
    try:
        require_line(f"{new.subject or ''}{new.name}")
    except ValueError as error:
        problems.append(f"name and subject {error}")
    return problems


def _locked(session: Session, org: str, channel: str, name: str) -> Template | None:
    query = select(Template).filter_by(org_id=org, channel=channel, name=name)
    return session.scalars(query.with_for_update()).one_or_none()


def _newest(session: Session, org: str, channel: str, name: str) -> int:
    query = select(func.max(TemplateVersion.version)).filter_by(
        org_id=org, channel=channel, name=name
    )
    return session.scalar(query) or 0


def _is_same(row: TemplateVersion, content: dict[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in content.items())


def _stored(variable: Variable) -> dict[str, str]:
    default = {} if variable.default is None else {"default": variable.default}
    return {"name": variable.name, **default}


def _in(variable: Variable, others: Sequence[Variable]) -> bool:
    return _same(variable.name) in {_same(other.name) for other in others}


def _same(name: str) -> str:
    """``firstName`` and ``first_name`` are one variable."""
    return snake_case(name)
