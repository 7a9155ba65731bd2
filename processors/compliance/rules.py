"""What an organisation's settings say of marketing: consent, quiet hours, how many a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from processors.compliance.addressing import OrganisationRow, value_of
from processors.compliance.hours import QuietHours
from processors.database.models import CHANNELS
from processors.errors import DefinitionError

ConsentPolicy = Literal["opt_in", "soft_opt_in"]
_POLICIES = ("opt_in", "soft_opt_in")
DEFAULT_POLICY: ConsentPolicy = "soft_opt_in"
DEFAULT_A_DAY = 10
DEFAULT_MAX_SEGMENTS = 6
DEFAULT_QUIET = ("22:00", "08:00")
# No telephone solicitation before 8 or after 21 where the called party is: 47 CFR 64.1200(c)(1).
_BY_LAW = {"US": ("21:00", "08:00")}
_MAX_A_DAY = 1_000
_MAX_SEGMENTS = 10  # 1,600 characters, the most that Twilio takes, are 11 of GSM-7


@dataclass(frozen=True, slots=True)
class MarketingRules:
    """An organisation's rules, with defaults for what its settings leave open.

    Attributes:
        consent: by channel. ``opt_in``: only who agreed. ``soft_opt_in``: contacts, too, who did
            not object (PECR 2003, regulation 22(3)).
        a_day: most marketing messages to a person within 24 hours, over all channels; None for no
            limit.
        quiet: without marketing, by country; ``default`` for all others.
        max_segments: of one text message.
        stop_line: whether marketing by text says how to opt out.
    """

    consent: Mapping[str, ConsentPolicy]
    a_day: int | None
    quiet: Mapping[str, QuietHours | None]
    max_segments: int
    stop_line: bool

    def quiet_hours(self, countries: Sequence[str]) -> QuietHours | None:
        """The quiet hours of somebody who may be in one of these countries: the strictest known."""
        for country in countries:
            if country in self.quiet:
                return self.quiet[country]
        return self.quiet["default"]


def rules_of(organisation: OrganisationRow) -> MarketingRules:
    """The rules of an organisation, from its `settings`.

    ``consent_policy``: a policy, or one by channel; default ``soft_opt_in``. ``marketing_per_day``:
    default 10, null for no limit. ``quiet_hours``: ``["22:00", "08:00"]``, or by country with
    ``default``; an empty list for none. ``sms_max_segments``: default 6. ``sms_stop_line``: default
    true.

    Raises:
        DefinitionError: a setting cannot be kept; one line that names it and what is allowed.
    """
    settings = value_of(organisation, "settings") or {}
    try:
        return MarketingRules(
            consent=_consent(settings.get("consent_policy")),
            a_day=_number(settings, "marketing_per_day", DEFAULT_A_DAY, _MAX_A_DAY),
            quiet=_quiet(settings.get("quiet_hours", DEFAULT_QUIET)),
            max_segments=_number(settings, "sms_max_segments", DEFAULT_MAX_SEGMENTS, _MAX_SEGMENTS)
            or _MAX_SEGMENTS,
            stop_line=_switch(settings, "sms_stop_line"),
        )
    except ValueError as error:
        org = value_of(organisation, "id")
        raise DefinitionError(f"settings of the organisation {org}: {error}") from None


def _consent(stated: Any) -> dict[str, ConsentPolicy]:
    by_channel = stated if isinstance(stated, Mapping) else dict.fromkeys(CHANNELS, stated)
    found: dict[str, ConsentPolicy] = dict.fromkeys(CHANNELS, DEFAULT_POLICY)
    for channel, policy in by_channel.items():
        if channel not in CHANNELS:
            raise ValueError(
                f"consent_policy: {str(channel)[:20]!r} is no channel; "
                f"allowed: {', '.join(CHANNELS)}"
            )
        if policy is None:
            continue
        if policy not in _POLICIES:
            raise ValueError(
                f"consent_policy: {str(policy)[:40]!r} is no policy; allowed: opt_in, soft_opt_in"
            )
        found[channel] = policy
    return found


def _quiet(stated: Any) -> dict[str, QuietHours | None]:
    by_country = stated if isinstance(stated, Mapping) else {"default": stated}
    found = {}
    for country, pair in ({"default": DEFAULT_QUIET} | _BY_LAW | dict(by_country)).items():
        name = country if country == "default" else str(country).upper()
        try:
            found[name] = QuietHours.read(pair)
        except ValueError as error:
            raise ValueError(f"quiet_hours of {name[:20]}: {error}") from None
    return found


def _number(settings: Mapping[str, Any], name: str, default: int, most: int) -> int | None:
    value = settings.get(name, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name}: {str(value)[:20]!r}; allowed: 1 to {most}, or null for no limit")
    return value


def _switch(settings: Mapping[str, Any], name: str) -> bool:
    value = settings.get(name, True)
    if not isinstance(value, bool):
        raise ValueError(f"{name}: {str(value)[:20]!r}; allowed: true, false")  # noqa: TRY004
    return value
