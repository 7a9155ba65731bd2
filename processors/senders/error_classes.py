"""What a provider's refusal means, by the table in ``error_classes.toml``."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

from processors.senders.sender import (
    AmbiguousError,
    DelayedError,
    RateLimitedError,
    RejectedError,
    SendError,
    StoppedError,
    UnavailableError,
)

ErrorClass = Literal["retry", "delayed", "permanent", "suppress", "stop", "ambiguous"]
# Why an address may be suppressed by a provider's refusal (processors.database.models.consent).
_REASONS = ("stop", "invalid", "hard_bounce", "complaint", "unsubscribe")
# Retry for reasons of the message or of the moment; the provider itself works.
_BUSY = frozenset({"421", "429", "450", "451", "452", "20429", "30001", "21611", "63018"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table."""

    error_class: ErrorClass
    reason: str | None = None
    of_sender: bool = False
    meaning: str = ""
    source: str = ""


Key = tuple[str, Literal["code", "status"], str]


@cache
def rules() -> dict[Key, Rule]:
    """The table, by provider and code or status.

    Raises:
        ValueError: a line of it cannot be used; says which.
    """
    text = resources.files(__package__).joinpath("error_classes.toml").read_text("utf-8")
    return read_rules(tomllib.loads(text))


def read_rules(tables: dict[str, list[dict[str, Any]]]) -> dict[Key, Rule]:
    """Rules from the file's tables.

    Raises:
        ValueError: a line of it cannot be used; says which.
    """
    found: dict[Key, Rule] = {}
    for provider, lines in tables.items():
        for line in lines:
            wrong = _wrong(line)
            kind: Literal["code", "status"] = "code" if "code" in line else "status"
            key = (provider, kind, str(line.get(kind)))
            if key in found:
                wrong = "is there twice"
            if wrong:
                raise ValueError(f"error_classes.toml: {provider} {key[2]}: {wrong}")
            found[key] = Rule(
                line["class"],
                line.get("reason"),
                line.get("sender", False),
                line.get("meaning", ""),
                line["source"],
            )
    return found


def _wrong(line: dict[str, Any]) -> str:
    if ("code" in line) == ("status" in line):
        return "needs a code or a status"
    if line.get("class") not in get_args(ErrorClass):
        return f"class must be one of {', '.join(get_args(ErrorClass))}"
    if (line.get("class") == "suppress") != (line.get("reason") in _REASONS):
        return f"suppress, and only that, needs a reason: {', '.join(_REASONS)}"
    if line.get("sender", False) not in (False, line["class"] == "stop"):
        return "sender goes with class stop"
    if not str(line.get("source", "")).startswith("https://"):
        return "needs a source"
    return ""


def rule_of(provider: str, status: int, code: str | None) -> Rule:
    """The rule for a refusal: by its code, then by its status, else permanent.

    A code never refines a status of 5xx of HTTP: the provider is not sure itself what it did.
    """
    table = rules()
    hundreds = f"{status // 100}xx"
    keys: list[Key] = []
    if code is not None and (status < 500 or provider == "smtp"):
        keys.append((provider, "code", code))
    keys += [(provider, "status", str(status)), (provider, "status", hundreds)]
    if provider != "smtp":
        keys += [("http", "status", str(status)), ("http", "status", hundreds)]
    return next((table[key] for key in keys if key in table), Rule("permanent"))


def refusal(
    provider: str,
    status: int,
    reason: str,
    *,
    code: str | None = None,
    retry_after_s: float | None = None,
) -> SendError:
    """The error that stands for a provider's refusal.

    Args:
        provider: whose table.
        status: of HTTP or SMTP.
        reason: one line for people.
        code: the provider's own.
        retry_after_s: seconds that it asks us to wait.
    """
    rule = rule_of(provider, status, code)
    shown = code or str(status)
    error: SendError
    match rule.error_class:
        case "retry" if retry_after_s is not None or not _BUSY.isdisjoint((shown, str(status))):
            error = RateLimitedError(reason, retry_after_s=retry_after_s, code=shown)
        case "retry":
            error = UnavailableError(reason, code=shown)
        case "delayed":
            error = DelayedError(reason, code=shown)
        case "stop":
            error = StoppedError(reason, code=shown, of_sender=rule.of_sender)
        case "ambiguous":
            error = AmbiguousError(reason, code=shown)
        case _:
            error = RejectedError(reason, code=shown, suppress=rule.reason)
    return error


@cache
def suppressing_codes() -> frozenset[str]:
    """All providers' codes that say that a recipient cannot be reached this way."""
    return frozenset(
        value
        for (_, kind, value), rule in rules().items()
        if kind == "code" and rule.error_class == "suppress"
    )
