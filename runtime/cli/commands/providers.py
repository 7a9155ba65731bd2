"""``atlas providers`` and ``breaker``: what queues use outside, and its circuit breakers."""

import click

from runtime.cli.shared.access import control, reader
from runtime.cli.shared.options import actor_option, json_option, print_json, reason_option
from runtime.cli.shared.report import report
from runtime.cli.shared.tables import Column, table
from runtime.control.control import BreakerWord
from runtime.view.provider import ProviderSnapshot


@click.command()
@json_option
def providers(*, as_json: bool) -> None:
    """List the providers: breaker, limits, what runs."""
    with reader() as opened:
        found = opened.snapshot().providers
    if as_json:
        print_json({"providers": found})
    elif found:
        columns = [Column("PROVIDER"), Column("BREAKER"), Column("FAILED", right=True),
                   Column("RUNNING", right=True), Column("LIMIT/S", right=True),
                   Column("QUEUES", flexible=True)]  # fmt: skip
        click.echo(table(columns, [_provider_row(provider) for provider in found]))
    else:
        click.echo("no providers")


@click.command()
@click.argument("provider")
@click.argument("state", type=click.Choice(["open", "closed", "auto"]))
@reason_option
@actor_option
@json_option
def breaker(provider: str, state: BreakerWord, *, reason: str, actor: str, as_json: bool) -> None:
    """Open or close a provider's breaker by hand, or set it to auto.

    While it is held open, none of PROVIDER's jobs starts; while it is held closed, they start
    however many fail. On auto it decides by itself again, with nothing counted.
    """
    with control(actor) as opened:
        result = opened.force_breaker(provider, state, reason=reason)
    report(result, as_json=as_json)


def _provider_row(provider: ProviderSnapshot) -> list[str]:
    ratio, cap = provider.failure_ratio, provider.concurrency
    forced = f" by {provider.forced_by}" if provider.forced_by else ""
    return [
        provider.name,
        f"{provider.state}{forced}",
        "-" if ratio is None else f"{ratio:.0%}",
        f"{provider.running}/{cap}" if cap else str(provider.running),
        f"{provider.limit_per_s:g}" if provider.limit_per_s else "-",
        ", ".join(provider.queues),
    ]
