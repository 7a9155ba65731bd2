"""What ``atlas check`` says of the database and of the senders."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from processors.content.unsubscribing import NO_WAY_OUT, has_way_out
from processors.crm.repository.supabase import find_tables
from processors.database.engine import sqlite_file
from processors.database.migrate import HEAD, current_revision
from processors.database.opening import database_of
from processors.senders.by_channel import make_route
from processors.senders.sender import CHANNELS, Sender, SendError
from processors.senders.unserved import spare, unserved
from processors.settings import CrmSettings
from runtime.application import CheckResult
from runtime.config.settings import Settings
from runtime.errors import AtlasError, SettingsError


def check(settings: Settings) -> Iterator[CheckResult]:
    """One result for the database, one for each channel, and one for each key that nobody uses.

    Never raises.
    """
    own = settings.of(CrmSettings)
    yield _database(own)
    if own.database.crm_schema != "own":
        yield _crm_tables(own)
    waiting = unserved(settings)
    for channel in CHANNELS:
        subject = f"{channel} sender"
        try:
            route = make_route(channel, own.messaging)
        except SettingsError as error:
            yield CheckResult(subject, ok=False, message="; ".join(error.problems))
            continue
        if f"communication:{channel}" in waiting:
            message = f"{route.first.name}: delivers nothing, which production does not allow"
            yield CheckResult(subject, ok=False, message=message)
            continue
        results = [asyncio.run(_usable(sender)) for sender in route.senders]
        message = "; ".join(f"{name}: {words}" for name, _, words in results)
        yield CheckResult(subject, ok=all(ok for _, ok, _ in results), message=message)
    for variable, advice in spare(own.messaging).items():
        yield CheckResult(variable, ok=True, message=f"is set and not used: {advice}")

    yield _unsubscribe(own, is_production=settings.environment == "production")


def _unsubscribe(settings: CrmSettings, *, is_production: bool) -> CheckResult:
    own = settings.unsubscribe
    if not has_way_out(own):
        message = f"{NO_WAY_OUT}; production sends none without"
        return CheckResult("unsubscribe", ok=not is_production, message=message)
    ways = [way for way in (own.url, own.email) if way]
    return CheckResult("unsubscribe", ok=True, message=" and ".join(ways))


async def _usable(sender: Sender) -> tuple[str, bool, str]:
    try:
        return sender.name, True, await sender.check()
    except SendError as error:
        return sender.name, False, error.reason


def _database(settings: CrmSettings) -> CheckResult:
    url = settings.database.url.get_secret_value()
    try:
        file = sqlite_file(url)
        if file is not None and not file.exists():
            return _no_file_yet(file)
        database = database_of(settings)
    except SettingsError as error:
        return CheckResult("database", ok=False, message="; ".join(error.problems))
    try:
        revision = current_revision(database)
    except AtlasError as error:
        return CheckResult("database", ok=False, message=str(error))
    finally:
        database.close()
    name = database.engine.dialect.name
    if revision == HEAD:
        return CheckResult("database", ok=True, message=f"{name}, schema {HEAD}")
    if revision is None:
        return CheckResult(
            "database", ok=True, message=f"{name}, empty; the worker creates schema {HEAD}"
        )
    return CheckResult(
        "database", ok=True, message=f"{name}, schema {revision}; the worker upgrades it to {HEAD}"
    )


def _crm_tables(settings: CrmSettings) -> CheckResult:
    """Whether the database has the CRM's tables, and what of them is missing."""
    try:
        database = database_of(settings)
    except SettingsError as error:
        return CheckResult("CRM tables", ok=False, message="; ".join(error.problems))
    try:
        with database.read() as session:
            found = find_tables(session.connection())
    except AtlasError as error:
        return CheckResult("CRM tables", ok=False, message=str(error))
    finally:
        database.close()
    if found.missing:
        return CheckResult("CRM tables", ok=False, message="; ".join(found.missing))
    own = f"; in our own tables: {'; '.join(found.own)}" if found.own else ""
    return CheckResult("CRM tables", ok=True, message=f"all that workflows need is there{own}")


def _no_file_yet(file: Path) -> CheckResult:
    """To look must not create what is looked for."""
    directory = next(parent for parent in file.absolute().parents if parent.exists())
    if not directory.is_dir() or not os.access(directory, os.W_OK | os.X_OK):
        return CheckResult(
            "database", ok=False, message=f"DATABASE_URL: cannot create {file} in {directory}"
        )
    return CheckResult(
        "database", ok=True, message=f"sqlite, not there yet; the worker creates {file}"
    )
