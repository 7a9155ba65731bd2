"""``atlas trigger``: report an event as the CRM does."""

from typing import Any

import click

from runtime.cli.shared.job_input import DATA_HELP, JsonObject, ref_words
from runtime.cli.shared.options import json_option, print_json, read_settings


@click.command()
@click.argument("trigger_type", metavar="TYPE")
@click.option("--org", required=True, help="The organisation where it happened.")
@click.option("--data", type=JsonObject(), default="{}", help=DATA_HELP)
@click.option("--id", "job_id", help="Its id: repeating the command changes nothing.")
@json_option
def trigger(
    trigger_type: str, *, org: str, data: dict[str, Any], job_id: str | None, as_json: bool
) -> None:
    """Report a CRM event of TYPE (e.g. lead_created); the workflows that listen to it start."""
    from processors.client import CrmClient  # noqa: PLC0415 - `atlas --help` needs no client

    with CrmClient.from_settings(read_settings()) as crm:
        ref = crm.trigger_workflow(org, trigger_type, data, job_id=job_id)
    if as_json:
        print_json(ref)
    else:
        click.echo(ref_words(ref.id, ref.queue, created=ref.created))
