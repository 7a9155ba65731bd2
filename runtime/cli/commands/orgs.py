"""``atlas org``: an organisation's share of the fair queues."""

import click

from runtime.cli.shared.access import control
from runtime.cli.shared.options import actor_option, json_option, reason_option
from runtime.cli.shared.report import report


@click.command()
@click.argument("org")
@click.option("--weight", type=float, default=1.0, show_default=True,
              help="Jobs it gets for each one of an organisation of weight 1.")  # fmt: skip
@click.option("--cap", type=int, default=None,
              help="How many of its jobs may run at a time in each fair queue.")  # fmt: skip
@reason_option
@actor_option
@json_option
def org(
    org: str, *, weight: float, cap: int | None, reason: str, actor: str, as_json: bool
) -> None:
    """Set an organisation's weight and cap in all fair queues.

    Without options ORG gets the defaults back: weight 1 and each queue's own cap.
    """
    with control(actor) as opened:
        result = opened.set_org(org, weight=weight, cap=cap, reason=reason)
    report(result, as_json=as_json)
