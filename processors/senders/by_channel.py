"""Which sender each channel uses, by the settings."""

from processors.senders.outbox import OutboxSender
from processors.senders.sender import Channel, Sender
from processors.senders.simulated import SimulatedSender
from processors.senders.smtp import SmtpSender, SmtpServer
from processors.settings import MessagingSettings
from runtime.errors import SettingsError

CHANNELS: tuple[Channel, ...] = ("email", "sms", "whatsapp")
_FOR_EVERY_CHANNEL = ("outbox", "simulated")


def make_senders(settings: MessagingSettings) -> dict[Channel, Sender]:
    """A sender for every channel.

    Raises:
        SettingsError: settings name a sender that does not exist or lacks what it needs; all
            problems at once.
    """
    senders: dict[Channel, Sender] = {}
    problems: list[str] = []
    for channel in CHANNELS:
        try:
            senders[channel] = make_sender(channel, settings)
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return senders


def make_sender(channel: Channel, settings: MessagingSettings) -> Sender:
    """The sender of one channel.

    Raises:
        SettingsError: see `make_senders`.
    """
    name = getattr(settings, f"{channel}_sender")
    allowed = (*_FOR_EVERY_CHANNEL, "smtp") if channel == "email" else _FOR_EVERY_CHANNEL
    match name:
        case "outbox":
            return OutboxSender()
        case "simulated":
            return SimulatedSender(channel)
        case "smtp" if channel == "email":
            url = settings.smtp_url
            if url is None:
                raise SettingsError(
                    ["SMTP_URL: is not set; needed by EMAIL_SENDER=smtp, e.g. smtp://mail.gym.uk"]
                )
            return SmtpSender(SmtpServer.from_url(url.get_secret_value()))
        case _:
            raise SettingsError(
                [f"{channel.upper()}_SENDER: {name!r} is no sender; allowed: {', '.join(allowed)}"]
            )
