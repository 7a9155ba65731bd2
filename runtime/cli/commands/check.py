"""``atlas check``: the whole configuration, and what would not work with it."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import click

from runtime.application import load_application
from runtime.cli.shared.errors import EXIT_FAILED
from runtime.cli.shared.options import json_option, print_json, read_settings
from runtime.cli.shared.tables import Column, table
from runtime.config.settings import Settings
from runtime.errors import AtlasError
from runtime.sanitize.text import safe
from runtime.view.reader import Reader
from runtime.view.snapshot import RedisSnapshot, Snapshot

Level = Literal["ok", "warning", "failed"]
# LMOVE, GETEX and the options of SET, ZADD and XTRIM that the scripts use.
_LEAST_REDIS = (6, 2)
_MAX_CLOCK_OFFSET = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Only `failed` makes the command fail."""

    subject: str
    level: Level
    message: str


@click.command()
@json_option
def check(*, as_json: bool) -> None:
    """Show the configuration (secrets hidden) and what would not work with it.

    Exit code 1 if something would not; warnings alone do not count.
    """
    settings = read_settings()
    findings = [
        *check_variables(settings),
        *check_redis(settings),
        *check_application(settings),
        *check_senders(settings),
    ]
    ok = all(finding.level != "failed" for finding in findings)
    lines = settings.describe()
    if as_json:
        described = {line.variable: line.value for line in lines}
        print_json({"ok": ok, "settings": described, "checks": findings})
    else:
        click.echo(
            table(
                [Column("VARIABLE"), Column("VALUE", flexible=True)],
                [(line.variable, safe(line.value, 200)) for line in lines],
            )
        )
        click.echo()
        for finding in findings:
            click.echo(f"{finding.level:<8} {finding.subject}: {safe(finding.message)}")
    if not ok:
        click.get_current_context().exit(EXIT_FAILED)


def check_variables(settings: Settings) -> Iterator[Finding]:
    """Variables that look like ours and are not: typing errors, as a rule."""
    known = {reference.variable for reference in settings.reference()}
    for name in sorted(os.environ):
        if name.startswith("ATLAS_") and name not in known:
            yield Finding(safe(name, 60), "warning", "is no setting; a typing error?")


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Is Redis there, and is it set up so that no job is lost?"""
    try:
        with closing(Reader.from_settings(settings)) as reader:
            reader.snapshot()
            # Connected and warm: now the times mean something.
            before = time.time()
            snapshot = reader.snapshot()
            after = time.time()
    except AtlasError as error:
        yield Finding("redis", "failed", str(error))
        return
    if not snapshot.redis.ok:
        yield Finding("redis", "failed", snapshot.redis.error)
        return
    yield from judge_server(snapshot.redis, encrypted=settings.redis.encrypted)
    yield judge_clock(snapshot, before, after)


def judge_server(redis: RedisSnapshot, *, encrypted: bool) -> Iterator[Finding]:
    """What Redis says of itself, judged."""
    version = tuple(int(part) for part in redis.version.split(".")[:2] if part.isdigit())
    yield Finding(
        "redis",
        "ok" if version >= _LEAST_REDIS else "failed",
        f"version {redis.version or 'unknown'}, answers in {redis.ping_ms:.1f} ms"
        + ("" if version >= _LEAST_REDIS else "; at least 6.2 is needed"),
    )
    yield Finding(
        "redis maxmemory-policy",
        "ok" if redis.maxmemory_policy == "noeviction" else "failed",
        redis.maxmemory_policy
        if redis.maxmemory_policy == "noeviction"
        else f"{redis.maxmemory_policy or 'unknown'}: Redis may drop jobs; set noeviction",
    )
    yield Finding(
        "redis persistence",
        "ok" if redis.aof_enabled else "warning",
        "append-only file on"
        if redis.aof_enabled
        else "append-only file off: a crash of Redis loses jobs; set appendonly yes",
    )
    yield Finding("redis TLS", "ok", "on" if encrypted else "off")


def judge_clock(snapshot: Snapshot, before: float, after: float) -> Finding:
    """Redis' clock decides when jobs are due; people compare it with this machine's."""
    here = datetime.fromtimestamp((before + after) / 2, UTC)
    offset = snapshot.taken_at - here
    words = f"{offset.total_seconds():+.3f} s against this machine"
    if abs(offset) <= _MAX_CLOCK_OFFSET:
        return Finding("redis clock", "ok", words)
    return Finding("redis clock", "warning", f"{words}; synchronise the clocks")


def check_application(settings: Settings) -> Iterator[Finding]:
    """The catalogue, and what the application finds out itself (its database)."""
    try:
        application = load_application(settings.application)
    except AtlasError as error:
        yield Finding("application", "failed", str(error))
        return
    catalogue = application.catalogue
    yield Finding(
        "application",
        "ok",
        f"{settings.application}: {len(catalogue.queues)} queues, {len(catalogue.kinds)} kinds",
    )
    for result in application.checks(settings):
        yield Finding(result.subject, "ok" if result.ok else "failed", result.message)


def check_senders(settings: Settings) -> Iterator[Finding]:
    """In production a message that is only stored is a message that nobody gets."""
    if settings.environment != "production":
        return
    messaging = settings.messaging
    senders = {
        "EMAIL_SENDER": messaging.email_sender,
        "SMS_SENDER": messaging.sms_sender,
        "WHATSAPP_SENDER": messaging.whatsapp_sender,
    }
    for variable, sender in senders.items():
        if sender != "smtp":
            yield Finding(variable, "warning", f"{sender}: messages are stored, not delivered")
