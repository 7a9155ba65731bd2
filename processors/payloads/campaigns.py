"""Payloads of campaigns: the parts of a list of recipients, and the batches that hand it out."""

import uuid
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from processors.payloads.base import LINE, MAX_BODY, TEXT, Data, Id, Name, Payload

Channel = Literal["email", "sms", "whatsapp"]
# Few enough for one statement and one payload.
MAX_PART = 500


class BulkRecipient(Payload):
    """One recipient as the producer knows it.

    What is no address is not refused here: one bad row must not stop a list of thousands. It is
    recorded as refused.
    """

    to: Annotated[str, Field(min_length=1, max_length=320), TEXT]
    variables: Data = {}
    contact_id: Id | None = None


class BulkText(Payload):
    """The wording of a campaign that uses no stored template; variables in ``{{…}}``."""

    body: Annotated[str, Field(min_length=1, max_length=MAX_BODY), TEXT]
    subject: Annotated[str, Field(min_length=1, max_length=998), LINE] | None = None
    is_html: bool = False


class CampaignStart(Payload):
    """What a campaign is, before its recipients."""

    name: Name
    channel: Channel
    template: Name | None = None
    text: BulkText | None = None
    segment_id: Id | None = None
    purpose: Literal["marketing", "transactional"] = "marketing"
    batch_size: Annotated[int, Field(ge=1, le=1_000)] = 25
    delay_between_batches_ms: Annotated[int, Field(ge=0, le=86_400_000)] = 2_000
    scheduled_for: AwareDatetime | None = None
    not_after: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_wording(self) -> Self:
        if (self.template is None) == (self.text is None):
            raise ValueError("exactly one of template and text is needed")
        if self.text is not None and (self.text.subject is None) == (self.channel == "email"):
            raise ValueError("an e-mail needs a subject, and nothing else has one")
        if self.text is not None and self.text.is_html and self.channel != "email":
            raise ValueError("only an e-mail is HTML")
        if self.scheduled_for and self.not_after and self.not_after <= self.scheduled_for:
            raise ValueError("not_after must be later than scheduled_for")
        return self


class LoadCampaign(Payload):
    """One part of a campaign's list, or the next page of its segment.

    Attributes:
        part: 0 for the first, which brings `start`; parts are loaded in order.
        recipients: of this part; none for a segment, which the worker reads itself.
        is_last: the list is complete with this part.
    """

    campaign_id: uuid.UUID
    part: Annotated[int, Field(ge=0, le=1_000_000)]
    start: CampaignStart | None = None
    recipients: Annotated[list[BulkRecipient], Field(max_length=MAX_PART)] = []
    is_last: bool = False

    @model_validator(mode="after")
    def _first(self) -> Self:
        if (self.part == 0) is (self.start is None):
            raise ValueError("the first part brings the start, and no other one does")
        return self


class SendBatch(Payload):
    """Hand out the next recipients of a campaign."""

    campaign_id: uuid.UUID
    batch: Annotated[int, Field(ge=0, le=10_000_000)]
