"""The commands that the application adds to ``atlas``."""

import click

from runtime.application import load_application
from runtime.errors import AtlasError
from runtime.settings import load_settings


def offered_commands() -> dict[str, click.Command]:
    """The application's commands by name; none while the settings are wrong (`check` says why)."""
    try:
        application = load_application(load_settings().application)
    except AtlasError:
        return {}
    return {str(command.name): command for command in application.commands()}
