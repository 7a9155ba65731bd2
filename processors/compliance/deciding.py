"""Whether a message may leave now: decided when it is sent, and again at each retry.

`decide_each` reads once for many recipients: one statement for transactional messages, two for
marketing, one more for free WhatsApp text. `judge` is the decision itself, a function of values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy.orm import Session

from processors.compliance.addressing import (
    ContactRow,
    OrganisationRow,
    address_key,
    country_for,
    value_of,
)
from processors.compliance.evidence import (
    DAY,
    Evidence,
    marketing_sent,
    statements_of,
    suppressions_of,
    wrote_by_whatsapp,
)
from processors.compliance.hours import send_window
from processors.compliance.opted_out import has_opted_out
from processors.compliance.places import place_of
from processors.compliance.rules import MarketingRules, rules_of

Channel = Literal["email", "sms", "whatsapp"]
Purpose = Literal["transactional", "marketing"]
# Who left a list still wants to know that a class is cancelled; the others get nothing at all.
MARKETING_ONLY = frozenset({"unsubscribe"})
_SUPPRESSED = {
    "stop": "the recipient replied STOP",
    "unsubscribe": "the recipient unsubscribed",
    "hard_bounce": "mail to this address was returned for good",
    "complaint": "the recipient reported a message as spam",
    "invalid": "no message reaches this address",
    "operator": "the address was suppressed by hand",
}


@dataclass(frozen=True, slots=True)
class Allow:
    """It may leave now."""


@dataclass(frozen=True, slots=True)
class Defer:
    """It may leave then; `reason` is one line."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Suppress:
    """It must not leave.

    Attributes:
        code: one of `SUPPRESSION_REASONS`, or ``opted_out``, ``withdrawn``, ``no_consent``,
            ``frequency_cap``, ``expired``, ``whatsapp_window``.
        reason: one line without the address.
    """

    code: str
    reason: str


Decision = Allow | Defer | Suppress


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody to write to.

    Attributes:
        address: an e-mail address, or a number in E.164.
        key: of the message; decides its place when it is deferred.
        contact: the stored one, if there is one.
    """

    address: str
    key: str
    contact: ContactRow | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """What is the same for all recipients of a message.

    Attributes:
        organisation: who writes.
        channel: by which it goes.
        purpose: marketing is held to more rules.
        not_after: it is of no use later, such as an offer that ends.
        is_free_text: of WhatsApp: not one of the templates that WhatsApp approved.
    """

    organisation: OrganisationRow
    channel: Channel
    purpose: Purpose
    not_after: datetime | None = None
    is_free_text: bool = False


def decide(
    session: Session,
    *,
    organisation: OrganisationRow,
    channel: Channel,
    address: str,
    contact: ContactRow | None,
    purpose: Purpose,
    now: datetime,
    key: str,
    not_after: datetime | None = None,
    is_free_text: bool = False,
) -> Decision:
    """Whether one message may leave now; see `Sending` and `Recipient`.

    Raises:
        DefinitionError: the organisation's settings cannot be kept; one line.
        DatabaseUnavailableError: the database did not answer.
    """
    sending = Sending(organisation, channel, purpose, not_after, is_free_text)
    return decide_each(session, sending, [Recipient(address, key, contact)], now=now)[0]


def decide_each(
    session: Session, sending: Sending, recipients: Sequence[Recipient], *, now: datetime
) -> list[Decision]:
    """The decisions for many recipients of one message, in their order.

    Raises:
        DefinitionError, DatabaseUnavailableError: as `decide`.
    """
    if sending.not_after is not None and now > sending.not_after:
        return [_expired(sending.not_after)] * len(recipients)
    rules = rules_of(sending.organisation)
    country = country_for(session, sending.organisation)
    evidence = _read(session, sending, recipients, country, now)
    return [
        judge(sending, recipient, rules, evidence, country=country, now=now)
        for recipient in recipients
    ]


def judge(
    sending: Sending,
    recipient: Recipient,
    rules: MarketingRules,
    evidence: Evidence,
    *,
    country: str,
    now: datetime,
) -> Decision:
    """The decision for one recipient, from what is known.

    Args:
        sending: the message.
        recipient: whom it is for.
        rules: of the organisation.
        evidence: of this recipient (and others).
        country: by which numbers without a country code are read.
        now: aware.

    Raises:
        DefinitionError: the organisation's time zone does not exist.
    """
    address = _spelt(sending.channel, recipient.address, country)
    marketing = sending.purpose == "marketing"
    stated = evidence.suppressed.get(address)
    if stated is not None and (marketing or stated.word not in MARKETING_ONLY):
        when = f"{stated.occurred_at:%Y-%m-%d}"
        return Suppress(stated.word, f"{_SUPPRESSED[stated.word]} ({stated.source}, {when})")
    if marketing and (refused := _consent(sending, recipient, rules, evidence, address)):
        return refused
    if sending.channel == "whatsapp" and sending.is_free_text:
        contact_id = str(value_of(recipient.contact, "id"))
        if contact_id not in evidence.wrote:
            return Suppress(
                "whatsapp_window",
                "the recipient did not write by WhatsApp within 24 hours; only a template that "
                "WhatsApp approved reaches them",
            )
    if not marketing:
        return Allow()
    return _timing(sending, recipient, rules, evidence, country=country, now=now)


def _consent(
    sending: Sending,
    recipient: Recipient,
    rules: MarketingRules,
    evidence: Evidence,
    address: str,
) -> Suppress | None:
    contact = recipient.contact
    if contact is not None and has_opted_out(contact, sending.channel):
        return Suppress("opted_out", "the contact's tags, status or preferences opt out")
    stated = evidence.consents.get(address)
    if stated is not None and stated.word == "withdrawn":
        when = f"{stated.occurred_at:%Y-%m-%d}"
        return Suppress("withdrawn", f"consent was withdrawn ({stated.source}, {when})")
    if stated is not None:
        return None
    if rules.consent[sending.channel] == "opt_in":
        return Suppress(
            "no_consent", f"no consent to marketing by {sending.channel} is recorded (opt_in)"
        )
    if contact is None:
        return Suppress(
            "no_consent",
            "the address is of no contact, and no consent to marketing is recorded for it "
            "(soft_opt_in)",
        )
    return None


def _timing(
    sending: Sending,
    recipient: Recipient,
    rules: MarketingRules,
    evidence: Evidence,
    *,
    country: str,
    now: datetime,
) -> Decision:
    place = place_of(
        phone=None if sending.channel == "email" else recipient.address,
        contact=recipient.contact,
        organisation=sending.organisation,
        default_country=country,
    )
    until = send_window(rules.quiet_hours(place.countries), place.zones, now, key=recipient.key)
    if until > now:
        if sending.not_after is not None and until > sending.not_after:
            return _expired(sending.not_after)
        zone = place.zones[0]
        local = until.astimezone(zone)
        return Defer(until, f"quiet hours where the recipient is, until {local:%H:%M} {zone.key}")
    sent = sum(evidence.marketing.get(each, 0) for each in _addresses(recipient))
    if rules.a_day is not None and sent >= rules.a_day:
        return Suppress(
            "frequency_cap", f"{sent} marketing messages within 24 hours; the most is {rules.a_day}"
        )
    return Allow()


def _read(
    session: Session,
    sending: Sending,
    recipients: Sequence[Recipient],
    country: str,
    now: datetime,
) -> Evidence:
    org = str(value_of(sending.organisation, "id"))
    channel = sending.channel
    addresses = [_spelt(channel, each.address, country) for each in recipients]
    wrote: set[str] = set()
    if channel == "whatsapp" and sending.is_free_text:
        ids = {str(value_of(each.contact, "id")) for each in recipients if each.contact is not None}
        wrote = wrote_by_whatsapp(session, org, ids, since=now - DAY) if ids else set()
    if sending.purpose == "transactional":
        return Evidence(suppressions_of(session, org, channel, addresses), wrote=wrote)
    suppressed, consents = statements_of(session, org, channel, addresses)
    everything = {address for each in recipients for address in _addresses(each)}
    sent = marketing_sent(session, org, everything, since=now - DAY)
    return Evidence(suppressed, consents, sent, wrote)


def _spelt(channel: str, address: str, country: str) -> str:
    # Numbers come in their one spelling; reading each again would be half the work.
    if channel != "email" and address.startswith("+"):
        return address
    return address_key(channel, address, country)


def _addresses(recipient: Recipient) -> set[str]:
    """All addresses by which a person is written to: the cap is the person's."""
    stored = (value_of(recipient.contact, name) for name in ("email", "phone"))
    spelt = address_key("email", recipient.address, "") if "@" in recipient.address else None
    return {address for address in (recipient.address, spelt, *stored) if address}


def _expired(not_after: datetime) -> Suppress:
    at = f"{not_after.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return Suppress("expired", f"it was not to be sent after {at}")
