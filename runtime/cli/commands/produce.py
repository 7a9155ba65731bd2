"""``atlas enqueue`` and ``atlas trigger``: hand over work as the CRM does."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from runtime.catalogue.catalogue import Priority
from runtime.cli.shared.access import client
from runtime.cli.shared.options import json_option, print_json
from runtime.client import NewJob

_DATA_HELP = "JSON object; @FILE reads it from a file, - from standard input."


class JsonObject(click.ParamType[dict[str, Any]]):
    """A JSON object: as text, ``@file``, or ``-`` for standard input."""

    name = "json"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> dict[str, Any]:
        """Read and parse it; anything else than an object is refused."""
        if isinstance(value, dict):
            return value
        try:
            parsed = json.loads(_read(str(value)))
        except OSError as error:
            self.fail(f"cannot read {str(value)[1:]}: {error.strerror}", param, ctx)
        except UnicodeDecodeError:
            self.fail("the text is not UTF-8", param, ctx)
        except (json.JSONDecodeError, RecursionError) as error:
            self.fail(f"not JSON: {error}", param, ctx)
        if not isinstance(parsed, dict):
            self.fail('a JSON object is needed, e.g. {"lead_id": "lead_1"}', param, ctx)
        return parsed


def _read(value: str) -> str:
    if value == "-":
        return sys.stdin.read()
    if value.startswith("@"):
        return Path(value[1:]).read_text(encoding="utf-8")
    return value


@click.command()
@click.argument("kind")
@click.option("--org", required=True, help="The organisation it belongs to, e.g. org_iron.")
@click.option("--data", type=JsonObject(), default="{}", help=_DATA_HELP)
@click.option("--priority", type=click.IntRange(1, 5), help="1 critical to 5 background.")
@click.option("--delay", type=click.FloatRange(0), help="Seconds until it may start.")
@click.option("--count", type=click.IntRange(1, 1_000_000), default=1, help="How many of them.")
@click.option("--id", "job_id", help="Its id: repeating the command changes nothing.")
@json_option
def enqueue(
    kind: str,
    *,
    org: str,
    data: dict[str, Any],
    priority: int | None,
    delay: float | None,
    count: int,
    job_id: str | None,
    as_json: bool,
) -> None:
    """Enqueue one job of KIND, or --count of them."""
    if job_id is not None and count > 1:
        raise click.UsageError("--id names one job; it cannot be given with --count")

    new = NewJob(
        kind,
        org,
        data,
        priority=Priority(priority) if priority else None,
        delay=_delay(delay),
        job_id=job_id,
    )
    with client() as atlas:
        refs = atlas.enqueue_many(new for _ in range(count))
    first, created = refs[0], sum(ref.created for ref in refs)
    if as_json:
        print_json(
            {
                "id": first.id,
                "queue": first.queue,
                "created": created,
                "count": count,
                "ids": [ref.id for ref in refs],
            }
        )
    elif count > 1:
        click.echo(f"{created} jobs enqueued in {first.queue}")
    else:
        click.echo(_words(first.id, first.queue, created=first.created))


@click.command()
@click.argument("trigger_type", metavar="TYPE")
@click.option("--org", required=True, help="The organisation where it happened.")
@click.option("--data", type=JsonObject(), default="{}", help=_DATA_HELP)
@click.option("--id", "job_id", help="Its id: repeating the command changes nothing.")
@json_option
def trigger(
    trigger_type: str, *, org: str, data: dict[str, Any], job_id: str | None, as_json: bool
) -> None:
    """Report a CRM event of TYPE (e.g. lead_created); the workflows that listen to it start."""
    with client() as atlas:
        ref = atlas.trigger_workflow(org, trigger_type, data, job_id=job_id)
    if as_json:
        print_json(ref)
    else:
        click.echo(_words(ref.id, ref.queue, created=ref.created))


def _delay(seconds: float | None) -> timedelta | None:
    if seconds is None:
        return None
    try:
        return timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise click.UsageError("--delay: so many seconds are not possible") from None


def _words(job_id: str, queue: str, *, created: bool) -> str:
    return f"{job_id} enqueued in {queue}" if created else f"{job_id} is known already"
