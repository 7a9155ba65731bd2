"""The CRM's events by name, and what a misspelt one was meant to be."""

import difflib
from collections.abc import Mapping
from typing import Any

from processors.naming import name_key

# What a contact's answer is called, by its channel; ``message_received`` is any of them.
REPLIES = {"sms": "sms_reply", "whatsapp": "whatsapp_reply", "email": "email_reply"}
# What the database keeps of a name.
_MAX_NAME = 100
# The CRM's generations name one event differently; the name on the right is ours.
ALIASES = {
    "new_lead": "lead_created",
    "lead_new": "lead_created",
    "lead_added": "lead_created",
    "lead_trigger": "lead_created",
    "sms_received": "sms_reply",
    "whatsapp_received": "whatsapp_reply",
    "inbound_sms": "sms_reply",
    "email_open": "email_opened",
    "email_click": "email_clicked",
    "form_submission": "form_submitted",
    "last_visit": "days_since_last_visit",
    "absence": "days_since_last_visit",
    "inactive": "days_since_last_visit",
    "payment_succeeded": "payment_received",
    "payment_paid": "payment_received",
    "contact_created": "lead_created",
    "lead_changed": "lead_updated",
    "lead_stage_change": "lead_stage_changed",
    "client_created": "new_client",
    "client_added": "new_client",
    "no_show": "missed_session",
    "class_no_show": "missed_session",
    "class_missed": "missed_session",
    "session_missed": "missed_session",
    "booking_created": "booking_confirmed",
    "class_booked": "booking_confirmed",
    "class_cancelled": "booking_cancelled",
    "class_canceled": "booking_cancelled",
    "booking_canceled": "booking_cancelled",
    "appointment_canceled": "appointment_cancelled",
    "birthday": "birthday_trigger",
    "churn_risk": "ai_churn_risk",
    "tag_added": "contact_tagged",
    "payment_failure": "payment_failed",
    "invoice_payment_failed": "payment_failed",
    "scheduled": "scheduled_time",
    "webhook": "webhook_received",
    "membership_expiry": "membership_expiring",
    "email_received": "email_reply",
    "sms_replied": "sms_reply",
    "whatsapp_replied": "whatsapp_reply",
    "email_replied": "email_reply",
}
KNOWN = frozenset(
    {
        "ai_churn_risk",
        "appointment_booked",
        "appointment_cancelled",
        "appointment_status",
        "birthday_trigger",
        "booking_cancelled",
        "booking_confirmed",
        "class_full",
        "class_reminder",
        "contact_tagged",
        "custom_date_trigger",
        "days_since_last_visit",
        "email_clicked",
        "email_event",
        "email_opened",
        "first_session",
        "form_submitted",
        "lead_created",
        "lead_stage_changed",
        "lead_updated",
        "manual",
        "membership_cancelled",
        "membership_expired",
        "membership_expiring",
        "message_received",
        "message_sent",
        "missed_session",
        "new_client",
        "payment_failed",
        "payment_received",
        "scheduled_time",
        "waitlist_joined",
        "webhook_received",
        *ALIASES.values(),
    }
)
# What somebody booked, paid or is a member of: messages about it are no marketing.
SERVICE = frozenset(
    {
        "appointment_booked",
        "appointment_cancelled",
        "appointment_status",
        "booking_cancelled",
        "booking_confirmed",
        "class_full",
        "class_reminder",
        "membership_cancelled",
        "membership_expired",
        "payment_failed",
        "waitlist_joined",
    }
)
# Closer than this a name is a misspelling: "new_leed" is one, "lead_deleted" an event of its own.
_CLOSE = 0.87


def canonical(trigger_type: str) -> str:
    """The one name of an event: ``lead.created``, ``new_lead`` and ``leadCreated`` are the same.

    Names in any script stay apart, see `processors.naming`. Empty when there is no name.
    """
    name = name_key(trigger_type, _MAX_NAME)
    return ALIASES.get(name, name)


def activity_type(name: str, data: Mapping[str, Any]) -> str:
    """The one name under which an event or a state of a message counts as an activity.

    ``message_received`` counts as the reply of its ``channel``: ``sms_reply`` and so on.
    """
    event = canonical(name)
    if event == "message_received":
        return REPLIES.get(str(data.get("channel") or data.get("type") or "").lower(), event)
    return event


def activity_types(name: str) -> tuple[str, ...]:
    """The stored types that a condition's name of an activity means."""
    event = canonical(name)
    return (event, *REPLIES.values()) if event == "message_received" else (event,)


def meant(name: str) -> str | None:
    """The known event that `name` misspells; None for a known one, and for one that differs.

    Organisations report events of their own, under any name that is not nearly a known one.
    """
    event = canonical(name)
    if event in KNOWN:
        return None
    spellings = {*KNOWN, *ALIASES}
    close = [
        known
        for known in difflib.get_close_matches(event, spellings, n=5, cutoff=_CLOSE)
        # More words make another name: "lead_created_abroad".
        if known.count("_") == event.count("_") or known.replace("_", "") == event.replace("_", "")
    ]
    return canonical(close[0]) if close else None
