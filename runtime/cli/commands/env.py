"""``atlas env``: what RQ's own tools need to find this deployment."""

import shlex

import click

from runtime.cli.shared.options import json_option, print_json, read_settings


@click.command()
@json_option
def env(*, as_json: bool) -> None:
    """Print the variables that RQ's own tools need, as shell lines.

    With them, they find this deployment: eval "$(atlas env)"
    """
    prefix = read_settings().redis.key_prefix
    if as_json:
        print_json({"RQ_KEY_PREFIX": prefix})
    else:
        click.echo(f"export RQ_KEY_PREFIX={shlex.quote(prefix)}")
