"""Actions about places in classes and appointments: create_booking, cancel_booking."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from processors.texts.paths import lookup
from processors.texts.values import MISSING, id_text, moment, shown
from processors.workflow.actions.config import ActionConfig, Also, Filled
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.outcomes import Done
from processors.workflow.actions.registry import action

# Where an event says which booking it is about.
_OF_EVENT = ("trigger.booking.id", "trigger.booking_id", "booking.id")
_PLACES = ["booked", "attended"]
_MAX_PLACES = 10_000


class CreateBookingConfig(ActionConfig):
    """A place in a class session, or an appointment by name and time.

    A session that is full: the contact goes on its waiting list, or the step fails (`if_full`).
    """

    session_id: Annotated[
        str | None, Also("class_session_id", "class_id", "session"), Field(max_length=100)
    ] = None
    name: Annotated[str | None, Also("title", "appointment_type"), Filled.LINE,
                    Field(max_length=200)] = None  # fmt: skip
    starts_at: Annotated[Any, Also("start_time", "date_time", "date", "scheduled_for")] = None
    if_full: Annotated[Literal["waitlist", "fail"], Also("on_full")] = "waitlist"

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.session_id is None and (self.name is None or self.starts_at is None):
            raise ValueError("it needs a session_id, or a name and starts_at")
        return self


@action("create_booking", CreateBookingConfig, aliases=("book_class", "book_appointment"))
def create_booking(config: CreateBookingConfig, ctx: ActionContext) -> Done:
    """Book a place for the contact; a contact who has one already keeps it."""
    ctx.contact()
    if config.session_id is None:
        starts_at = moment(config.starts_at, ctx.zone)
        if starts_at is None:
            raise ValueError(
                f"starts_at: {shown(config.starts_at)} is no date; "
                "allowed: ISO 8601, such as 2026-11-25T18:00"
            )
        fields = {"name": config.name, "starts_at": starts_at, "status": "booked"}
        return _store(fields, ctx)
    session = ctx.repository.get(ctx.org, "class_session", config.session_id, lock=True)
    if session is None:
        raise ValueError(f"the organisation has no class session {config.session_id!r}")
    if (own := _own(config.session_id, ctx)) is not None:
        return Done({"booking_id": str(own["id"]), "status": own["status"], "is_new": False})
    status = "waitlisted" if _is_full(session, ctx) else "booked"
    if status == "waitlisted" and config.if_full == "fail":
        raise ValueError(f"the class session {config.session_id!r} is full")
    fields = {
        "session_id": config.session_id,
        "name": config.name or session.get("name"),
        "starts_at": session.get("starts_at"),
        "status": status,
    }
    return _store(fields, ctx)


def _own(session_id: str, ctx: ActionContext) -> Mapping[str, Any] | None:
    where = {
        "session_id": session_id,
        "contact_id": ctx.contact_id,
        "status": [*_PLACES, "waitlisted"],
    }
    return next(iter(ctx.repository.find(ctx.org, "booking", where, limit=1)), None)


def _is_full(session: Mapping[str, Any], ctx: ActionContext) -> bool:
    if session.get("capacity") is None:
        return False
    capacity = int(session["capacity"])
    where = {"session_id": session["id"], "status": _PLACES}
    taken = ctx.repository.find(ctx.org, "booking", where, limit=min(capacity + 1, _MAX_PLACES))
    return len(taken) >= capacity


def _store(fields: Mapping[str, Any], ctx: ActionContext) -> Done:
    booking_id = str(ctx.key("booking"))
    known = ctx.repository.get(ctx.org, "booking", booking_id)
    if known is None:
        whole = {"contact_id": ctx.contact_id, **fields}
        ctx.create("booking", booking_id, whole)
    status = (known or fields)["status"]
    return Done({"booking_id": booking_id, "status": status, "is_new": True})


class CancelBookingConfig(ActionConfig):
    """A booking by its id; without one, the booking that the event was about."""

    booking_id: Annotated[Any, Also("id", "appointment_id")] = None


@action("cancel_booking", CancelBookingConfig, aliases=("cancel_appointment",))
def cancel_booking(config: CancelBookingConfig, ctx: ActionContext) -> Done:
    """Give a place back; one that was given back already stays so."""
    booking_id = id_text(config.booking_id) or _of_event(ctx)
    found = ctx.repository.get(ctx.org, "booking", booking_id, lock=True)
    if found is None:
        raise ValueError(f"the organisation has no booking {booking_id!r}")
    if ctx.contact_id is not None and found.get("contact_id") not in (None, ctx.contact_id):
        raise ValueError(f"the booking {booking_id!r} is another contact's")
    is_open = found.get("status") in ("booked", "waitlisted")
    if not is_open and found.get("status") != "cancelled":
        raise ValueError(f"the booking {booking_id!r} is {found.get('status')} already")
    if is_open:
        ctx.change("booking", found, {"status": "cancelled"})
    return Done({"booking_id": booking_id, "cancelled": is_open})


def _of_event(ctx: ActionContext) -> str:
    for path in _OF_EVENT:
        found = lookup(ctx.scope, path)
        if found is not MISSING and (text := id_text(found)) is not None:
            return text
    raise ValueError("the event names no booking; allowed: booking_id")
