"""``atlas breaker``, ``quiet``, ``unquiet`` and ``org``: what operators set besides pausing."""

import click

from runtime.cli.commands.steer import report
from runtime.cli.shared.access import control, reader
from runtime.cli.shared.options import F, actor_option, json_option
from runtime.control.control import BreakerWord

_reason = click.option("--reason", default="", help="Why, for the audit and for colleagues.")


@click.command()
@click.argument("provider")
@click.argument("state", type=click.Choice(["open", "closed", "auto"]))
@_reason
@actor_option
@json_option
def breaker(provider: str, state: BreakerWord, *, reason: str, actor: str, as_json: bool) -> None:
    """Hold PROVIDER's breaker open (none of its jobs starts) or closed, or leave it to itself."""
    with control(actor) as opened:
        result = opened.force_breaker(provider, state, reason=reason)
    report(result, as_json=as_json)


def _on_workers(function: F) -> F:
    """What both commands on workers take."""
    with_options = _reason(actor_option(json_option(function)))
    everyone = click.option("--all", "everyone", is_flag=True, help="Every living worker.")
    return click.argument("workers", metavar="[WORKER]...", nargs=-1)(everyone(with_options))


@click.command()
@_on_workers
def quiet(
    workers: tuple[str, ...], *, everyone: bool, reason: str, actor: str, as_json: bool
) -> None:
    """Let WORKERs (names of `atlas workers`) claim nothing any more; what they run goes on."""
    _set_quiet(workers, everyone=everyone, actor=actor, reason=reason, as_json=as_json, wanted=True)


@click.command()
@_on_workers
def unquiet(
    workers: tuple[str, ...], *, everyone: bool, reason: str, actor: str, as_json: bool
) -> None:
    """Let quiet WORKERs claim again."""
    _set_quiet(
        workers, everyone=everyone, actor=actor, reason=reason, as_json=as_json, wanted=False
    )


def _set_quiet(
    workers: tuple[str, ...],
    *,
    everyone: bool,
    actor: str,
    reason: str,
    as_json: bool,
    wanted: bool,
) -> None:
    if bool(workers) == everyone:
        raise click.UsageError("give either names of workers, or --all")
    with reader() as opened:
        known = [worker.name for worker in opened.snapshot().workers]
    if unknown := [name for name in workers if name not in known]:
        raise click.UsageError(
            f"no worker {unknown[0]!r}; there are: {', '.join(sorted(known)) or 'none'}"
        )
    with control(actor) as steering:
        result = steering.set_quiet(workers or known, quiet=wanted, reason=reason)
    report(result, as_json=as_json)


@click.command()
@click.argument("org")
@click.option("--weight", type=float, default=1.0, show_default=True,
              help="Jobs it gets for one of an organisation of weight 1.")  # fmt: skip
@click.option("--cap", type=int, default=None,
              help="Jobs of it that may run at a time in each fair queue.")  # fmt: skip
@_reason
@actor_option
@json_option
def org(
    org: str, *, weight: float, cap: int | None, reason: str, actor: str, as_json: bool
) -> None:
    """Give ORG a weight and a cap of its own in all fair queues; the usual ones without options."""
    with control(actor) as opened:
        result = opened.set_org(org, weight=weight, cap=cap, reason=reason)
    report(result, as_json=as_json)
