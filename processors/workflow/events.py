"""The CRM's events by name, and what a misspelt one was meant to be."""

import difflib

from processors.workflow.triggers import ALIASES, canonical

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
