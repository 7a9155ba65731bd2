"""A file of addresses to suppress: each wrong line is named, the others are done."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from processors.addresses.mail_address import read_address
from processors.addresses.phone import e164
from processors.compliance.addressing import country_for
from processors.compliance.recording import Statement, suppress
from processors.database.engine import Database
from processors.database.models import SUPPRESSION_REASONS, Organisation

COLUMNS = ("address", "channel", "reason", "occurred_at", "detail")
_A_TRANSACTION = 500
_Row = tuple[int, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for lines that do not say it themselves."""

    channel: str
    reason: str
    source: str


@dataclass(slots=True)
class Imported:
    """What came of a file; `problems` are one line each."""

    added: int = 0
    known: int = 0
    problems: list[str] = field(default_factory=list)


def import_suppressions(
    database: Database, org: str, lines: Iterable[str], defaults: Defaults, *, now: datetime
) -> Imported:
    """Suppress the addresses of a file: one a line, or CSV with a head of `COLUMNS`.

    Run again, it goes on where it ended: what is there already changes nothing.

    Raises:
        ValueError: the head names a column that is not known, or there is no such organisation.
        DatabaseUnavailableError: the database did not answer; what was counted is written.
    """
    found = Imported()
    rows = _rows(lines)
    while chunk := list(islice(rows, _A_TRANSACTION)):
        with database.write() as session:
            organisation = session.get(Organisation, org)
            if organisation is None:
                raise ValueError(f"there is no organisation {org[:100]!r}")
            country = country_for(session, organisation)
            for number, row in chunk:
                try:
                    statement, reason = _statement(row, defaults, country, now)
                except ValueError as error:
                    found.problems.append(f"line {number}: {error}")
                    continue
                detail = row.get("detail") or None
                if suppress(session, org, statement, reason, now=now, detail=detail):
                    found.added += 1
                else:
                    found.known += 1
    return found


def _rows(lines: Iterable[str]) -> Iterator[_Row]:
    # A line without its end: one of CSV's own, inside quotes, stays.
    reader = csv.reader(line.replace("\x00", "\ufffd") for line in lines)
    head: list[str] | None = None
    for cells in reader:
        values = [cell.strip() for cell in cells]
        if not any(values):
            continue
        if head is None:
            head = [value.lower().lstrip("\ufeff") for value in values]
            if "address" in head:
                if unknown := [name for name in head if name not in COLUMNS]:
                    raise ValueError(
                        f"unknown columns {', '.join(unknown)[:100]}; allowed: {', '.join(COLUMNS)}"
                    )
                continue
            head = ["address"]
        yield reader.line_num, dict(zip(head, values, strict=False))


def _statement(
    row: dict[str, str], defaults: Defaults, country: str, now: datetime
) -> tuple[Statement, str]:
    channel, reason = row.get("channel") or defaults.channel, row.get("reason") or defaults.reason
    address = row.get("address", "")
    if channel == "email":
        read_address(address)
    elif channel in ("sms", "whatsapp"):
        e164(address, country)
    else:
        raise ValueError(f"{channel[:20]!r} is no channel; allowed: email, sms, whatsapp")
    if reason not in SUPPRESSION_REASONS:
        allowed = ", ".join(SUPPRESSION_REASONS)
        raise ValueError(f"{reason[:20]!r} is no reason; allowed: {allowed}")
    at = _moment(row.get("occurred_at", ""), now)
    return Statement(channel, address, defaults.source, at), reason


def _moment(text: str, now: datetime) -> datetime:
    if not text:
        return now
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"occurred_at {text[:40]!r} is no time; allowed: 2026-11-23T12:00:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
