"""The automations of the demo's gyms, stored as the CRM's builder stores them.

Waits are seconds where a gym would wait hours or days.
"""

from typing import Any


def _node(node_id: str, kind: str, label: str, **data: Any) -> dict[str, Any]:
    return {
        "id": node_id,
        "type": kind,
        "position": {"x": 0, "y": 0},
        "data": {"label": label, **data},
    }


def _action(node_id: str, label: str, action: str, **config: Any) -> dict[str, Any]:
    return _node(node_id, "action", label, actionType=action, config=config)


def _wait(node_id: str, seconds: int) -> dict[str, Any]:
    duration = {"value": seconds, "unit": "seconds"}
    config = {"waitType": "duration", "duration": duration}
    return _node(node_id, "wait", f"Wait {seconds} seconds", config=config)


def _edge(source: str, target: str, branch: str | None = None) -> dict[str, Any]:
    edge = {"id": f"{source}-{target}", "source": source, "target": target}
    return edge | ({"sourceHandle": branch} if branch else {})


_LEAD_WELCOME = {
    "id": "lead-welcome",
    "name": "Lead welcome",
    "trigger_type": "new_lead",
    "settings": {"priority": "high"},
    "nodes": [
        _node("trigger", "trigger", "New lead"),
        _action("welcome", "Welcome e-mail", "send_email", template="welcome-lead"),
        _wait("pause", 8),
        _node(
            "warm",
            "condition",
            "Warm lead?",
            config={"conditionType": "lead_score", "operator": "greater_than", "value": 60},
        ),
        _action(
            "text",
            "Invite by SMS",
            "send_sms",
            message="Hi {{lead.first_name}}, a coach at {{organisation.name}} is free this week. "
            "Shall we book your first session?",
        ),
        _action("tag_warm", "Tag warm", "add_tag", tag="warm"),
        _action("tag_nurture", "Tag nurture", "add_tag", tag="nurture"),
        _action("contacted", "Contacted", "update_lead", updates={"status": "contacted"}),
    ],
    "edges": [
        _edge("trigger", "welcome"),
        _edge("welcome", "pause"),
        _edge("pause", "warm"),
        _edge("warm", "text", "true"),
        _edge("warm", "tag_nurture", "false"),
        _edge("text", "tag_warm"),
        _edge("tag_warm", "contacted"),
        _edge("tag_nurture", "contacted"),
    ],
}

_BOOKING = {
    "id": "booking-confirmation",
    "name": "Booking confirmation",
    "trigger_type": "booking_confirmed",
    "settings": {"priority": "high"},
    "nodes": [
        _node("trigger", "trigger", "Class booked"),
        _action(
            "confirm",
            "Confirm by e-mail",
            "send_email",
            subject="{{class_name}} at {{class_time}} is booked",
            body="<p>Hi {{lead.first_name}},</p><p>your place in {{class_name}} with "
            "{{instructor_name}} at {{class_time}} is booked. You can cancel until two hours "
            "before.</p><p>{{organisation.name}}</p>",
        ),
    ],
    "edges": [_edge("trigger", "confirm")],
}

_REMINDER = {
    "id": "class-reminder",
    "name": "Class reminder",
    "trigger_type": "class_reminder",
    "settings": {},
    "nodes": [
        _node("trigger", "trigger", "Two hours before"),
        _action(
            "remind",
            "Remind by SMS",
            "send_sms",
            message="{{class_name}} with {{instructor_name}} at {{class_time}}. See you there!",
        ),
    ],
    "edges": [_edge("trigger", "remind")],
}

_NO_SHOW = {
    "id": "no-show-recovery",
    "name": "No-show recovery",
    "trigger_type": "missed_session",
    "settings": {"priority": "low"},
    "nodes": [
        _node("trigger", "trigger", "Missed a class"),
        _wait("pause", 12),
        _action(
            "check_in",
            "Check in by SMS",
            "send_sms",
            message="Hi {{lead.first_name}}, we missed you in {{class_name}} today. All well?",
        ),
        _node(
            "replied",
            "condition",
            "Did they reply?",
            config={
                "conditionType": "activity",
                "activityType": "sms_replied",
                "timeframe": {"value": 4, "unit": "hours"},
            },
        ),
        _action("rebook", "Offer a place", "send_whatsapp", template="reschedule-class"),
        _action("survey", "Ask why", "send_email", template="class-barrier-survey"),
    ],
    "edges": [
        _edge("trigger", "pause"),
        _edge("pause", "check_in"),
        _edge("check_in", "replied"),
        _edge("replied", "rebook", "true"),
        _edge("replied", "survey", "false"),
    ],
}

_PAYMENT = {
    "id": "payment-recovery",
    "name": "Payment recovery",
    "trigger_type": "payment.failed",
    "settings": {},
    "nodes": [
        _node("trigger", "trigger", "Payment failed"),
        _wait("grace", 20),
        _action("remind", "Payment reminder", "send_email", template="payment-failed"),
        _action("due", "Payment due", "update_lead", updates={"status": "payment_due"}),
    ],
    "edges": [_edge("trigger", "grace"), _edge("grace", "remind"), _edge("remind", "due")],
}

# The coach is to be told, and the event names none: the step fails, and says why.
_TRIAL = {
    "id": "trial-follow-up",
    "name": "Trial follow-up",
    "trigger_type": "first_session",
    "settings": {},
    "nodes": [
        _node("trigger", "trigger", "First session"),
        _action("thanks", "Thank you", "send_email", template="trial-follow-up"),
        _action(
            "call",
            "Ask the coach to call",
            "send_email",
            to="{{coach.email}}",
            subject="Please call {{lead.first_name}} about the trial",
            text="{{lead.first_name}} came for a first session today.",
        ),
    ],
    "edges": [_edge("trigger", "thanks"), _edge("thanks", "call")],
}

WORKFLOWS: tuple[dict[str, Any], ...] = (
    _LEAD_WELCOME,
    _BOOKING,
    _REMINDER,
    _NO_SHOW,
    _PAYMENT,
    _TRIAL,
)
