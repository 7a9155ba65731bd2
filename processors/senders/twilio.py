"""Text messages and WhatsApp by Twilio (twilio.com/docs/messaging/api/message-resource)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from processors.senders.error_classes import refusal
from processors.senders.http_api import Answer, HttpApi
from processors.senders.sender import (
    AmbiguousError,
    Channel,
    Guarantee,
    NotSentError,
    OutgoingMessage,
    RejectedError,
    SendError,
    Sent,
    UnavailableError,
)
from runtime.catalogue.error_facts import parse_retry_after

_VERSION = "2010-04-01"
# Its clock and ours may differ a little.
_SKEW = timedelta(minutes=2)
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """Where and as whom to send.

    Attributes:
        sender: number or name that sends, e.g. ``+447700900000``.
        service: messaging service that sends instead; it wins over `sender`.
        callback: URL to which Twilio reports what becomes of a message.
    """

    base_url: str
    sid: str
    token: str = field(repr=False)
    sender: str | None = None
    service: str | None = None
    callback: str | None = None


class TwilioSender:
    """Its POSTs know no idempotency key (error 20500): a lost answer leaves a message unknown.

    Afterwards Twilio can be asked which messages it took, see `find`.
    """

    name = "twilio"
    guarantee = Guarantee.KEYLESS

    def __init__(self, channel: Channel, account: TwilioAccount, *, total_s: float = 20.0) -> None:
        self._prefix = "whatsapp:" if channel == "whatsapp" else ""
        self._account = account
        self._path = f"/{_VERSION}/Accounts/{account.sid}"
        self._api = HttpApi(
            "Twilio", account.base_url, auth=(account.sid, account.token), total_s=total_s
        )

    async def send(self, message: OutgoingMessage, /) -> str | None:
        """Deliver; Twilio's SID of the message.

        Raises:
            SendError: see `processors.senders.sender`.
        """
        form = {"To": self._prefix + message.recipient} | self._who(message) | _content(message)
        if self._account.callback:
            form["StatusCallback"] = self._account.callback
        answer = await self._api.call("POST", f"{self._path}/Messages.json", data=form)
        sid = answer.data.get("sid")
        if answer.is_success and isinstance(sid, str):
            self._require_taken(answer)
            return sid
        raise _error(answer)

    async def check(self) -> str:
        """Ask for the account.

        Raises:
            SendError: Twilio refuses the login, or the account is not active.
        """
        answer = await self._api.call("GET", f"{self._path}.json")
        if not answer.is_success:
            raise _error(answer)
        status = answer.data.get("status", "active")
        if status != "active":
            raise UnavailableError(f"the Twilio account is {str(status)[:40]}")
        return f"{self._api.host} accepts the login"

    async def find(self, message: OutgoingMessage, /, *, since: datetime) -> list[Sent]:
        """Twilio's outgoing messages with this recipient, sender and text from `since` on.

        Only the first page is read, the newest 1,000. Not filtered by DateSent: a message that
        is still queued has none.

        Raises:
            SendError: Twilio did not answer.
        """
        params = {"To": self._prefix + message.recipient, "PageSize": str(_PAGE)}
        answer = await self._api.call("GET", f"{self._path}/Messages.json", params=params)
        if not answer.is_success:
            raise _error(answer)
        if not isinstance(answer.data.get("messages"), list):
            raise AmbiguousError("Twilio's answer cannot be read")
        who = self._who(message)
        return list(_matching(answer.data["messages"], message.body, who, since - _SKEW))

    def _who(self, message: OutgoingMessage) -> dict[str, str]:
        """An organisation's own sender, or the account's; a service wins over a number."""
        own = (message.service, message.sender)
        service, sender = own if any(own) else (self._account.service, self._account.sender)
        if service:
            return {"MessagingServiceSid": service}
        if sender:
            return {"From": self._prefix + sender}
        raise NotSentError("there is no number that sends; set TWILIO_PHONE_NUMBER")

    @staticmethod
    def _require_taken(answer: Answer) -> None:
        """A message may be created and have failed already."""
        if answer.data.get("status") in ("failed", "undelivered"):
            code = str(answer.data.get("error_code") or "failed")[:40]
            said = " ".join(str(answer.data.get("error_message") or "failed").split())[:300]
            error = refusal("twilio", 400, f"Twilio says {code} {said}", code=code)
            # A SID was given: repeating would make a second message.
            raise (
                error
                if isinstance(error, RejectedError)
                else RejectedError(error.reason, code=code)
            )


def _content(message: OutgoingMessage) -> dict[str, str]:
    if message.content_sid is None:
        return {"Body": message.body}
    variables = json.dumps(dict(message.content_variables), ensure_ascii=False)
    return {"ContentSid": message.content_sid, "ContentVariables": variables}


def _matching(found: list[Any], body: str, who: dict[str, str], since: datetime) -> Iterator[Sent]:
    for item in found:
        if not isinstance(item, dict) or not isinstance(item.get("sid"), str):
            continue
        created = _moment(item.get("date_created"))
        same_sender = item.get("from") == who.get("From") or (
            item.get("messaging_service_sid") == who.get("MessagingServiceSid", "")
        )
        if (
            str(item.get("direction", "")).startswith("outbound")
            and " ".join(str(item.get("body")).split()) == " ".join(body.split())
            and same_sender
            and created is not None
            and created >= since
        ):
            yield Sent(item["sid"], body, created)


def _moment(text: Any) -> datetime | None:
    """Twilio writes times as e-mail does (RFC 2822)."""
    try:
        return parsedate_to_datetime(str(text))
    except ValueError:
        return None


def _error(answer: Answer) -> SendError:
    if answer.is_success:
        return AmbiguousError("Twilio's answer cannot be read", code=str(answer.status))
    code = answer.data.get("code")
    message = " ".join(str(answer.data.get("message") or "").split())[:300]
    number = str(code) if isinstance(code, int) else None
    return refusal(
        "twilio",
        answer.status,
        f"Twilio says {answer.status}{f' ({number})' if number else ''} {message}".strip(),
        code=number,
        retry_after_s=parse_retry_after(answer.headers.get("Retry-After")),
    )
