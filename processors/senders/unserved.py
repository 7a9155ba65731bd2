"""Queues that no worker may serve: in production a stored message does not reach anybody."""

from collections.abc import Mapping

from processors.settings import CrmSettings
from runtime.config.settings import Settings

_INSTEAD = {
    "email": "set EMAIL_SENDER=smtp and SMTP_URL",
    "sms": "this version has no provider for texts yet",
    "whatsapp": "this version has no provider for WhatsApp yet",
}

# Variables of the deployment that this one replaces, and of its documentation.
UNUSED: Mapping[str, str] = {
    "ADMIN_EMAIL": "nobody is told by e-mail; let your monitoring call `atlas status --json`",
    "SENDGRID_API_KEY": "set EMAIL_SENDER=smtp and SMTP_URL=smtp://apikey:KEY@smtp.sendgrid.net:587",
    "RESEND_API_KEY": "set EMAIL_SENDER=smtp and SMTP_URL=smtps://resend:KEY@smtp.resend.com:465",
    **dict.fromkeys(
        (
            "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER", "TWILIO_SMS_FROM",
            "TWILIO_WHATSAPP_FROM", "TWILIO_MESSAGING_SERVICE_SID",
        ),
        "this version has no provider for texts yet",
    ),
    **dict.fromkeys(
        (
            "SUPABASE_URL", "NEXT_PUBLIC_SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY",
            "SUPABASE_ANON_KEY", "NEXT_PUBLIC_SUPABASE_ANON_KEY",
        ),
        "set DATABASE_URL to the database's own address, postgresql://user:password@host/name",
    ),
}  # fmt: skip


def unserved(settings: Settings) -> dict[str, str]:
    """Each channel's queue whose sender delivers nothing, with the reason; only in production."""
    if settings.environment != "production":
        return {}
    messaging = settings.of(CrmSettings).messaging
    found = {}
    for channel, instead in _INSTEAD.items():
        sender = getattr(messaging, f"{channel}_sender")
        if sender in ("outbox", "simulated"):
            found[f"communication:{channel}"] = (
                f"{channel.upper()}_SENDER={sender} stores messages and delivers none; {instead}"
            )
    return found
