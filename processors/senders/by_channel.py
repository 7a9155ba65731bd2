"""Which providers each channel uses, by the settings."""

from pydantic import SecretStr

from processors.senders.outbox import OutboxSender
from processors.senders.resend import ResendSender
from processors.senders.route import Route
from processors.senders.sender import CHANNELS, Channel, Sender
from processors.senders.sendgrid import SendGridSender
from processors.senders.simulated import SimulatedSender
from processors.senders.smtp import SmtpSender, SmtpServer
from processors.senders.twilio import TwilioAccount, TwilioSender
from processors.settings import MessagingSettings
from runtime.errors import SettingsError


def make_routes(settings: MessagingSettings) -> dict[Channel, Route]:
    """The providers of every channel, in the order of the settings.

    Raises:
        SettingsError: settings name a sender that does not exist or lacks what it needs; all
            problems at once.
    """
    routes: dict[Channel, Route] = {}
    problems: list[str] = []
    for channel in CHANNELS:
        try:
            routes[channel] = make_route(channel, settings)
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return routes


def make_route(channel: Channel, settings: MessagingSettings) -> Route:
    """The providers of one channel.

    Raises:
        SettingsError: see `make_routes`.
    """
    return Route([_sender(name, channel, settings) for name in settings.providers(channel)])


def _sender(name: str, channel: Channel, settings: MessagingSettings) -> Sender:
    match name:
        case "outbox":
            return OutboxSender()
        case "simulated":
            return SimulatedSender(channel)
        case "smtp":
            return SmtpSender(SmtpServer.from_url(_value(settings.smtp_url)))
        case "sendgrid":
            return SendGridSender(_value(settings.sendgrid_api_key), settings.sendgrid_base_url)
        case "resend":
            return ResendSender(_value(settings.resend_api_key), settings.resend_base_url)
        case _:
            return TwilioSender(channel, _twilio(channel, settings))


def _twilio(channel: Channel, settings: MessagingSettings) -> TwilioAccount:
    whatsapp = channel == "whatsapp"
    return TwilioAccount(
        base_url=settings.twilio_base_url,
        sid=settings.twilio_account_sid or "",
        token=_value(settings.twilio_auth_token),
        sender=settings.twilio_whatsapp_from if whatsapp else settings.twilio_phone_number,
        # A messaging service picks its own senders; WhatsApp's is taken only if none is named.
        service=None
        if whatsapp and settings.twilio_whatsapp_from
        else settings.twilio_messaging_service_sid,
        callback=settings.twilio_status_callback_url,
    )


def _value(secret: SecretStr | None) -> str:
    # The settings refuse a sender whose secret is not set.
    return secret.get_secret_value() if secret is not None else ""
