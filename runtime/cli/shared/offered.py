"""The commands that the application adds to ``atlas``."""

import click

from runtime.application import load_application
from runtime.config.settings import load_settings
from runtime.errors import AtlasError


def offered_commands() -> dict[str, click.Command]:
    """The application's commands by name; none while the settings are wrong (`check` says why)."""
    try:
        application = load_application(load_settings().application)
    except AtlasError:
        return {}
    return {str(command.name): command for command in application.commands()}
