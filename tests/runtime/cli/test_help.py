"""The help of ``atlas``: it names every command without importing any."""

import importlib
import pkgutil

import click
import pytest

from runtime.cli import commands
from runtime.cli.atlas import SECTIONS
from tests.runtime.cli.conftest import Command

LISTED = [
    pytest.param(name, module, text, id=name)
    for section in SECTIONS.values()
    for name, (module, text) in section.items()
]


@pytest.mark.parametrize(("name", "module", "text"), LISTED)
def test_a_line_of_the_help_is_the_first_of_the_commands_own(name: str, module: str, text: str):
    command = getattr(importlib.import_module(f"runtime.cli.commands.{module}"), name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert (command.help or "").split("\n\n")[0] == text


def test_every_command_of_the_engine_is_listed():
    names = set()
    for module in pkgutil.iter_modules(commands.__path__):
        members = vars(importlib.import_module(f"runtime.cli.commands.{module.name}")).values()
        names |= {found.name for found in members if isinstance(found, click.Command)}
    groups = {"list", "set", "runs", "remove"}  # of `atlas cron`
    assert names - groups == {name for section in SECTIONS.values() for name in section}


def test_each_of_the_engines_commands_takes_one_line_of_80_cells(atlas: Command):
    lines = atlas("--help").out.splitlines()
    for section in SECTIONS.values():
        for name, (_, text) in section.items():
            assert [line for line in lines if line.split()[:1] == [name]], name
            assert any(line.endswith(text) for line in lines), name
    assert max(map(len, lines)) <= 80
