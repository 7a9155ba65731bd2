"""``atlas check``: the configuration, and what would not work with it."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import click

from runtime.application import Application, load_application
from runtime.broker import open_broker
from runtime.broker.keys import Keys
from runtime.broker.rights import Rights, try_rights
from runtime.cli.shared.errors import EXIT_FAILED
from runtime.cli.shared.options import json_option, print_json, read_settings
from runtime.cli.shared.tables import Column, table
from runtime.config.settings import Settings, read_variables
from runtime.control.migration import OLD_PREFIX, left_behind, left_behind_words
from runtime.errors import AtlasError, BrokerError, BrokerUnavailableError, PrefixTakenError
from runtime.sanitize.text import safe
from runtime.view.alerts import outage_words
from runtime.view.reader import Reader
from runtime.view.snapshot import RedisSnapshot, Snapshot

Level = Literal["ok", "warning", "failed"]
# LMOVE, GETEX and the options of SET, ZADD and XTRIM that the scripts use.
_LEAST_REDIS = (6, 2)
# Variables with which other programs are given the address of Redis.
_UNUSED = {
    "REDIS_CLUSTER_NODES": "set REDIS_URL to one node, and RQ_KEY_PREFIX with a hash tag",
    "REDIS_CLUSTER_ENABLED": "set RQ_KEY_PREFIX with a hash tag, such as {atlas}:rq",
    "REDIS_SENTINELS": "set REDIS_URL to the primary",
}
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
    """Show the configuration, and what would not work with it.

    Secrets are hidden. Exit code 1 if something would not work; warnings alone do not count.
    """
    settings = read_settings()
    findings = [
        *check_variables(settings),
        *check_redis(settings),
        *check_application(settings),
    ]
    ok = all(finding.level != "failed" for finding in findings)
    application = _application_of(settings)
    lines = settings.describe(*(application.settings_groups if application else ()))
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
    """Variables that look like ours but are not, or that only other programs read."""
    application = _application_of(settings) or Application()
    known = {line.variable for line in settings.reference(*application.settings_groups)}
    unused = {**_UNUSED, **application.unused}
    for name, value in sorted(read_variables().items()):
        if name.startswith("ATLAS_") and name not in known:
            yield Finding(safe(name, 60), "warning", "is not a setting; a typing error?")
        elif name in unused and (value or "").strip():
            yield Finding(name, "warning", f"is set and not used: {unused[name]}")


def _application_of(settings: Settings) -> Application | None:
    try:
        return load_application(settings.application)
    except AtlasError:
        return None  # said by `check_application`


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Is Redis there, may we use it, and is it set up so that no job is lost?"""
    rights = list(check_rights(settings))
    yield from rights
    if any(finding.level == "failed" for finding in rights):
        return
    try:
        with closing(Reader.from_settings(settings)) as reader:
            reader.snapshot()
            # Only a connection that is already open gives meaningful times.
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
    yield from check_old_prefix(settings)
    yield judge_clock(snapshot, before, after)
    for outage in snapshot.outages:
        yield Finding(f"workers' {outage.what}", "failed", outage_words(outage))


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


def check_rights(settings: Settings) -> Iterator[Finding]:
    """Do the keys belong to us, and has the user each right that a worker needs? Tries each."""
    keys = Keys(settings.redis.key_prefix)
    try:
        with closing(open_broker(settings)) as broker:
            try:
                broker.check_prefix()
            except (PrefixTakenError, BrokerUnavailableError):
                raise
            except BrokerError:
                pass  # a right is missing: which one is said below
            rights = try_rights(broker.connection, keys)
    except AtlasError as error:
        yield Finding("redis", "failed", str(error))
        return
    yield judge_rights(rights, keys.prefix)


def judge_rights(rights: Rights, prefix: str) -> Finding:
    """The rights that are missing, as Redis' ACL names them."""
    missing = [f"~{prefix}:*"] if rights.keys else []
    missing += [f"+{command}" for command in rights.commands]
    if missing:
        return Finding(
            "redis rights", "failed", f"the user lacks what a worker needs: {' '.join(missing)}"
        )
    if rights.replica:
        return Finding(
            "redis writes", "failed", "this Redis is a replica and takes no writes; give the "
            "primary's address",
        )  # fmt: skip
    if rights.refused:
        return Finding("redis writes", "failed", f"Redis refused a write: {rights.refused}")
    return Finding("redis rights", "ok", f"the user may do what a worker needs below {prefix}:")


def check_old_prefix(settings: Settings) -> Iterator[Finding]:
    """Do jobs still wait below the prefix that all deployments once shared?"""
    try:
        jobs = left_behind(settings)
    except AtlasError as error:
        yield Finding("old redis keys", "ok", f"not checked below '{OLD_PREFIX}': {error}")
        return
    if jobs:
        yield Finding("old redis keys", "failed", left_behind_words(settings, jobs))


def judge_clock(snapshot: Snapshot, before: float, after: float) -> Finding:
    """Redis' clock decides when jobs are due; people compare it with this machine's."""
    here = datetime.fromtimestamp((before + after) / 2, UTC)
    offset = snapshot.taken_at - here
    words = f"{offset.total_seconds():+.3f} s from this machine's"
    if abs(offset) <= _MAX_CLOCK_OFFSET:
        return Finding("redis clock", "ok", words)
    return Finding("redis clock", "warning", f"{words}; synchronise the clocks")


def check_application(settings: Settings) -> Iterator[Finding]:
    """The catalogue, and what the application checks itself, such as its database."""
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
    for name, reason in application.unserved(settings).items():
        yield Finding(f"queue {name}", "failed", f"no worker serves it: {reason}")
    for result in application.checks(settings):
        yield Finding(result.subject, "ok" if result.ok else "failed", result.message)
