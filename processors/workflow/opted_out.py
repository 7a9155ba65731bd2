"""No marketing for people who opted out: what a step must not send, and a record of it."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from processors.addresses.mail_address import address_spelling
from processors.crm.repository.protocol import Record
from processors.database.insert import insert_new
from processors.database.models import AnalyticsEvent
from processors.event_names import SERVICE
from processors.workflow.execution.store import Execution

# As many digits as a number has without its country and its trunk prefix, in most countries.
_DIGITS = 9


def is_marketing(config: Mapping[str, Any], trigger_type: str) -> bool:
    """Whether a message advertises: as its ``purpose`` says, else by the event it answers.

    What somebody booked, paid or is a member of is a service message (ICO, "Guidance on direct
    marketing using electronic mail"); whatever is not known to be one counts as marketing.
    """
    purpose = str(config.get("purpose") or "").lower()
    return purpose == "marketing" or (purpose != "transactional" and trigger_type not in SERVICE)


def without_lead(recipients: list[str], lead: Record) -> list[str]:
    """The recipients other than the lead, such as a coach or the front desk."""
    address = address_spelling(lead["email"]) if lead["email"] else ""
    digits = _tail(lead["phone"] or "")

    def is_own(to: str) -> bool:
        if "@" in to:
            return address_spelling(to) == address
        return bool(digits) and _tail(to) == digits

    return [to for to in recipients if not is_own(to)]


def note_suppressed(
    session: Session, execution: Execution, key: str, kind: str, now: datetime
) -> None:
    """Count it, once a step, as an event of the lead."""
    row = {
        "id": uuid.uuid5(uuid.NAMESPACE_URL, f"suppressed:{execution.id}:{key}"),
        "org_id": execution.org,
        "event": "message_suppressed",
        "contact_id": execution.contact_id,
        "user_id": None,
        "session_id": None,
        "data": {
            "channel": kind.removeprefix("send_"),
            "reason": "opted out",
            "execution_id": str(execution.id),
            "node_id": key,
        },
        "occurred_at": now,
    }
    insert_new(session, AnalyticsEvent, [row])


def _tail(number: str) -> str:
    return "".join(char for char in number if char.isdigit())[-_DIGITS:]
