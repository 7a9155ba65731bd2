"""Storing one item: as a record of the CRM, a workflow, or a statement of consent."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, get_args

from sqlalchemy.orm import Session

from processors.compliance.recording import Statement, record_consent
from processors.crm.repository.protocol import Entity
from processors.database.models import Workflow
from processors.importing.files import MEMBER_TABLES
from processors.importing.items import Item
from processors.naming import snake_case
from processors.payloads.crm import ReportedRecord
from processors.templates.saving import NewTemplate, save_template
from processors.texts.values import id_text, moment
from processors.workflow.definition.saving import save_workflow

RECORDS = (*get_args(Entity), "organisation", "holiday")
_ORG = ("organization_id", "organisation_id", "org_id")
_TIMES = ("occurred_at", "updated_at", "created_at")
_DEFINITION = ("id", "name", "description", "category", "status", "trigger_type", "trigger_config",
               "nodes", "edges", "variables", "settings")  # fmt: skip
_BODIES = ("body", "content", "html_content", "body_template", "text_content")
_MARKUP = re.compile(r"<[a-zA-Z!/][^>]*>")
_STATUSES = {
    "granted": ("granted", "true", "opted_in", "subscribed"),
    "withdrawn": ("withdrawn", "false", "opted_out", "unsubscribed"),
}


def org_of(item: Item, org: str | None) -> str:
    """Whose row it is.

    Args:
        item: the row.
        org: whose all rows are, whatever they say; None: the one that it names.

    Raises:
        ValueError: it names none.
    """
    named = next((item.data[name] for name in _ORG if item.data.get(name)), None)
    if item.kind == "organisation":
        named = item.data.get("id")
    found = org or id_text(named)
    if found is None:
        raise ValueError("names no organisation; say which with --org")
    return found


def record_of(org: str, item: Item, *, now: datetime) -> ReportedRecord:
    """A row as a report of one of `RECORDS`; a row without a time is as of `now`.

    Raises:
        ValueError: it cannot be stored.
    """
    data = _snake(item)
    record_id = org if item.kind == "organisation" else data.get("id", data.get("day"))
    if record_id is None:
        raise ValueError("has no id")
    if item.table in MEMBER_TABLES:
        data.setdefault("type", "member")
    about = ("id", *_ORG, *_TIMES)
    return ReportedRecord.model_validate(
        {
            "entity": item.kind,
            "id": record_id,
            "fields": {k: v for k, v in data.items() if v is not None and k not in about},
            "occurred_at": _time(data, now),
        }
    )


def store_other(session: Session, org: str, item: Item, *, now: datetime) -> str:
    """Store a row that is no record: ``new``, ``changed`` or ``same``.

    Raises:
        ValueError, DefinitionError, TemplateError: it cannot be stored.
    """
    return _OTHERS[item.kind](session, org, item, now)


def _workflow(session: Session, org: str, item: Item, now: datetime) -> str:
    definition = {name: item.data[name] for name in _DEFINITION if item.data.get(name) is not None}
    if not isinstance(definition.get("id"), str):
        raise ValueError("has no id")  # noqa: TRY004 - one family
    known = session.get(Workflow, (org, definition["id"]))
    status = known.status if known is not None else None
    saved = save_workflow(session, org, definition, at=now)
    if known is None:
        return "new"
    return "changed" if saved.is_new_version or saved.row.status != status else "same"


def _consent(session: Session, org: str, item: Item, now: datetime) -> str:
    data = _snake(item)
    channel = str(data.get("channel") or "").strip().lower()
    said = str(data.get("status") or "").strip().lower()
    if not any(said in words for words in _STATUSES.values()):
        raise ValueError(f"status is {said[:40]!r}; allowed: granted, withdrawn")
    if not any(data.get(name) for name in _TIMES):
        raise ValueError("has no occurred_at: consent without its time is no evidence")
    if not data.get("source"):
        raise ValueError("has no source: consent without its source is no evidence")
    contact_id = data.get("contact_id") or data.get("lead_id")
    address = data.get("address") or data.get("email" if channel == "email" else "phone")
    statement = Statement(
        channel=channel,
        address=str(address or ""),
        source=str(data["source"]),
        occurred_at=_time(data, now),
        contact_id=None if contact_id is None else id_text(contact_id),
        wording=None if data.get("wording") is None else str(data["wording"]),
    )
    is_given = said in _STATUSES["granted"]
    is_new = record_consent(
        session, org, statement, "granted" if is_given else "withdrawn", now=now
    )
    return "new" if is_new else "same"


def _template(session: Session, org: str, item: Item, now: datetime) -> str:
    data = _snake(item)
    channel = data.get("channel") or data.get("type")
    if channel is None and item.table == "email_templates":
        channel = "email"
    body = next((data[name] for name in _BODIES if data.get(name)), None)
    if not isinstance(body, str) or not data.get("name"):
        raise ValueError("has no name or no content")
    new = NewTemplate(
        channel=str(channel or "").strip().lower(),
        name=str(data["name"]),
        body=body,
        subject=None if data.get("subject") is None else str(data["subject"]),
        is_html=channel == "email" and _MARKUP.search(body) is not None,
        purpose=None if data.get("purpose") is None else str(data["purpose"]),
    )
    saved = save_template(session, org, new, now=now)
    if not saved.is_new:
        return "same"
    return "new" if saved.version == 1 else "changed"


_OTHERS: Mapping[str, Callable[[Session, str, Item, datetime], str]] = {
    "workflow": _workflow,
    "consent": _consent,
    "template": _template,
}


def _snake(item: Item) -> dict[str, Any]:
    return {snake_case(str(key).strip()): value for key, value in item.data.items()}


def _time(data: Mapping[str, Any], now: datetime) -> datetime:
    """When the row was true; a time in the future counts as now."""
    for name in _TIMES:
        if (value := data.get(name)) not in (None, ""):
            found = moment(value)
            if found is None:
                raise ValueError(f"{name} is no time such as 2026-11-25T18:00:00Z")
            return min(found, now)
    return now
