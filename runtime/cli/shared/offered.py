"""The commands that the application adds to ``atlas``."""

import click

from runtime.application import load_all_settings, load_application


def offered_commands() -> dict[str, click.Command]:
    """The application's commands by name.

    Raises:
        AtlasError: the settings or the application are not usable.
    """
    application = load_application(load_all_settings().application)
    return {str(command.name): command for command in application.commands()}
