"""Saved segments: a group of conditions, and the contacts for whom it holds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.crm import activities
from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Record, Repository
from processors.crm.scope import build_scope
from processors.database.engine import Database
from processors.database.models import Segment
from processors.errors import DefinitionError
from processors.workflow.decisions.conditions import Facts, holds
from processors.workflow.definition.conditions import read_condition
from processors.workflow.definition.fields import Fields
from processors.workflow.definition.problems import Findings

# Contacts that are read and looked at together.
PAGE = 500
_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Page:
    """Some contacts of an organisation by their ids' order, and those of them that match.

    `cursor` is where the next page begins, None at the end.
    """

    matching: list[Record]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A segment as it is shown."""

    org: str
    id: str
    name: str
    conditions: Mapping[str, Any]
    updated_at: datetime


def save_segment(
    session: Session,
    org: str,
    segment_id: str,
    conditions: Mapping[str, Any],
    *,
    name: str = "",
    now: datetime,
) -> None:
    """Store a segment, or replace its conditions.

    Args:
        session: a write transaction.
        org: whose contacts.
        segment_id: letters, digits and ``_ . -``.
        conditions: one condition or a group of them, as in a workflow.
        name: for people; default is the id.
        now: for the times.

    Raises:
        DefinitionError: the id is not allowed, the organisation does not exist, or the conditions
            cannot be decided; what is wrong is named.
    """
    if not _ID.fullmatch(segment_id):
        raise DefinitionError("a segment's id has 1 to 100 letters, digits and _ . -")
    if repository_of(session).organisation(org) is None:
        raise DefinitionError(f"there is no organisation {org[:60]!r}")
    conditions = check_conditions(conditions)
    segment = session.get(Segment, (org, segment_id))
    if segment is None:
        segment = Segment(org_id=org, id=segment_id, created_at=now)
        session.add(segment)
    segment.name = (name or segment_id)[:200]
    segment.conditions, segment.updated_at = dict(conditions), now


def check_conditions(conditions: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions as they are decided.

    Raises:
        DefinitionError: some cannot be decided; all of what is wrong with them.
    """
    findings = Findings()
    fields = Fields(conditions, "", findings)
    condition = read_condition(fields)
    fields.finish()
    if findings.problems:
        raise DefinitionError("; ".join(map(str, findings.problems)))
    if condition is None:
        raise DefinitionError("a segment needs a condition, such as a field and an operator")
    return condition


def pick(
    session: Session,
    org: str,
    conditions: Mapping[str, Any],
    *,
    cursor: str | None,
    now: datetime,
    limit: int = PAGE,
) -> Page:
    """The next page of contacts, of whom those are kept for whom the conditions hold.

    A contact for whom a condition makes no sense (a text where a number is compared) is none of
    them.
    """
    repository = repository_of(session)
    contacts, following = repository.page(org, "contact", cursor=cursor, limit=limit)
    matching = [c for c in contacts if _matches(repository, org, c, conditions, now)]
    return Page(matching, following)


def count(database: Database, org: str, segment_id: str, *, now: datetime) -> int:
    """How many contacts a segment has now; read in pages.

    Raises:
        DefinitionError: there is no such segment.
        DatabaseUnavailableError: the database did not answer.
    """
    with database.read() as session:
        segment = get_segment(session, org, segment_id)
        conditions = segment.conditions
    found, cursor = 0, None
    while True:
        with database.read() as session:
            page = pick(session, org, conditions, cursor=cursor, now=now)
        found += len(page.matching)
        cursor = page.cursor
        if cursor is None:
            return found


def get_segment(session: Session, org: str, segment_id: str) -> Segment:
    """The segment of that id.

    Raises:
        DefinitionError: there is none; with those that exist.
    """
    segment = session.get(Segment, (org, segment_id))
    if segment is None:
        known = session.scalars(select(Segment.id).where(Segment.org_id == org).limit(50))
        raise DefinitionError(
            f"{org} has no segment {segment_id[:60]!r}; allowed: {', '.join(known) or 'none yet'}"
        )
    return segment


def list_segments(database: Database, org: str | None = None) -> list[SegmentView]:
    """The segments, by organisation and id.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    query = select(Segment).order_by(Segment.org_id, Segment.id)
    if org is not None:
        query = query.where(Segment.org_id == org)
    with database.read() as session:
        return [view_of(segment) for segment in session.scalars(query)]


def view_of(segment: Segment) -> SegmentView:
    """A segment as it is shown."""
    return SegmentView(
        segment.org_id, segment.id, segment.name, segment.conditions, segment.updated_at
    )


def _matches(
    repository: Repository,
    org: str,
    contact: Record,
    conditions: Mapping[str, Any],
    now: datetime,
) -> bool:
    def count_activity(activity: str, span: timedelta | None) -> int:
        return activities.count(repository, org, contact["id"], activity, now=now, within=span)

    scope = build_scope(
        organisation=repository.organisation(org),
        contact=contact,
        trigger_type="",
        trigger_data={},
        variables={},
        outputs={},
        workflow={},
        now=now,
    )
    try:
        return holds(conditions, Facts(scope, now, count_activity))
    except DefinitionError:
        return False
