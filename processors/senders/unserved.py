"""Queues that no worker may serve: in production a stored message does not reach anybody."""

from collections.abc import Mapping

from processors.settings import CrmSettings, MessagingSettings
from runtime.config.settings import Settings

_INSTEAD = {
    "email": "set EMAIL_SENDER and RESEND_API_KEY, SENDGRID_API_KEY or SMTP_URL",
    "sms": "set SMS_SENDER=twilio, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_PHONE_NUMBER",
    "whatsapp": "set WHATSAPP_SENDER=twilio, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and "
    "TWILIO_WHATSAPP_FROM",
}
# Which provider a variable is for, and which variables may name that provider.
_OF_PROVIDER = {
    "SMTP_URL": ("smtp", ("email",)),
    "SENDGRID_API_KEY": ("sendgrid", ("email",)),
    "RESEND_API_KEY": ("resend", ("email",)),
    "TWILIO_ACCOUNT_SID": ("twilio", ("sms", "whatsapp")),
    "TWILIO_AUTH_TOKEN": ("twilio", ("sms", "whatsapp")),
    "TWILIO_PHONE_NUMBER": ("twilio", ("sms",)),
    "TWILIO_WHATSAPP_FROM": ("twilio", ("whatsapp",)),
    "TWILIO_MESSAGING_SERVICE_SID": ("twilio", ("sms", "whatsapp")),
}

# Variables of the deployment that this one replaces, and of its documentation.
UNUSED: Mapping[str, str] = {
    "ADMIN_EMAIL": "nobody is told by e-mail; let your monitoring call `atlas status --json`",
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
        sender = messaging.providers(channel)[0]
        if sender in ("outbox", "simulated"):
            found[f"communication:{channel}"] = (
                f"{channel.upper()}_SENDER={sender} delivers nothing; {instead}"
            )
    return found


def spare(messaging: MessagingSettings) -> dict[str, str]:
    """Each variable of a provider that is set while no channel uses that provider, and what to do.

    A key alone sends nothing: a copy of production's settings on a laptop must not write to people.
    """
    found = {}
    for variable, (provider, channels) in _OF_PROVIDER.items():
        is_set = getattr(messaging, variable.lower()) is not None
        if is_set and not any(provider in messaging.providers(channel) for channel in channels):
            senders = " or ".join(f"{channel.upper()}_SENDER" for channel in channels)
            found[variable] = f"add {provider} to {senders}"
    return found
