"""A provider that misbehaves as real ones do: the outbox, with latencies and faults.

For the demo and for load tests. The rates are those of the workload model of the project, the
error codes those of the providers' own documents.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from processors.senders.sender import (
    AmbiguousError,
    Channel,
    Guarantee,
    OutgoingMessage,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)


@dataclass(frozen=True, slots=True)
class Faults:
    """How a simulated provider behaves.

    Attributes:
        guarantee: e-mail providers such as Resend replay a key, Twilio does not.
        p50_ms: median latency.
        p95_ms: 95th percentile of it.
        p99_ms: the longest, nearly; latencies are cut at twice this.
        timeout: share of calls whose answer is lost.
        busy: share answered 429 with a Retry-After.
        down: share answered 503.
        rejected: share refused for good, by code and reason.
    """

    guarantee: Guarantee
    p50_ms: float
    p95_ms: float
    p99_ms: float
    timeout: float
    busy: float
    down: float
    rejected: tuple[tuple[str, str, float], ...]


FAULTS: dict[Channel, Faults] = {
    "email": Faults(
        guarantee=Guarantee.KEYED,
        p50_ms=250,
        p95_ms=900,
        p99_ms=3_000,
        timeout=0.003,
        busy=0.007,
        down=0.005,
        rejected=(
            ("validation_error:to", "the address does not validate", 0.004),
            ("403", "the address bounced before", 0.003),
        ),
    ),
    "sms": Faults(
        guarantee=Guarantee.KEYLESS,
        p50_ms=180,
        p95_ms=600,
        p99_ms=2_000,
        timeout=0.001,
        busy=0.005,
        down=0.004,
        rejected=(
            ("21211", "the number is not valid", 0.008),
            ("21610", "the recipient opted out (STOP)", 0.006),
            ("21614", "the number is not a mobile", 0.006),
        ),
    ),
    "whatsapp": Faults(
        guarantee=Guarantee.KEYLESS,
        p50_ms=300,
        p95_ms=1_200,
        p99_ms=4_000,
        timeout=0.001,
        busy=0.005,
        down=0.004,
        rejected=(("63016", "outside the 24 hour window a template is needed", 0.03),),
    ),
}
_RETRY_AFTER_S = 5.0
# 1.645 standard deviations above the mean lies the 95th percentile of a normal distribution.
_Z95 = 1.645


class SimulatedSender:
    """Stores messages as the outbox does, after behaving like a provider of that channel.

    Args:
        channel: whose faults to show.
        seed: makes the faults reproducible.
        sleep: how to wait for the latency, in seconds.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        seed: int | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = "simulated"
        self._faults = FAULTS[channel]
        self.guarantee = self._faults.guarantee
        self._random = random.Random(seed)  # noqa: S311 - a simulation, no secret
        self._sleep = sleep

    async def send(self, message: OutgoingMessage, /) -> str | None:
        """Take a while, then deliver or fail.

        Raises:
            SendError: as a provider of this channel would.
        """
        faults = self._faults
        await self._sleep(self._latency_s())
        dice = self._random.random()
        for code, reason, share in faults.rejected:
            if (dice := dice - share) < 0:
                raise RejectedError(reason, code=code)
        if (dice := dice - faults.busy) < 0:
            raise RateLimitedError("too many requests", retry_after_s=_RETRY_AFTER_S, code="429")
        if (dice := dice - faults.down) < 0:
            raise UnavailableError("service unavailable", code="503")
        if dice - faults.timeout < 0:
            raise AmbiguousError("no answer within the time allowed")
        return f"sim_{message.id.hex}"

    async def check(self) -> str:
        """Where messages go."""
        return "a simulated provider; messages stay in the database (atlas messages list)"

    def _latency_s(self) -> float:
        sigma = math.log(self._faults.p95_ms / self._faults.p50_ms) / _Z95
        drawn = self._random.lognormvariate(math.log(self._faults.p50_ms), sigma)
        return min(drawn, self._faults.p99_ms * 2) / 1000
