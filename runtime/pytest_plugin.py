"""Fixtures for pytest, found through its entry point; they load nothing until a test asks for one.

``atlas_application`` is the application: that of the setting ``atlas_application`` in pytest's own
configuration, else that of the variable ATLAS_APPLICATION; a project may also define its own
fixture of that name. ``inline_worker`` is a `runtime.testing.InlineWorker` for it.
"""

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runtime.application import Application
    from runtime.testing import InlineWorker

_SETTING = "atlas_application"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the setting."""
    parser.addini(_SETTING, "module of the application that the fixture inline_worker runs")


@pytest.fixture
def atlas_application(pytestconfig: pytest.Config) -> "Application":
    """The application whose jobs are tested."""
    from runtime.application import load_application  # noqa: PLC0415 - only who uses it pays

    dotted = pytestconfig.getini(_SETTING) or os.environ.get("ATLAS_APPLICATION", "")
    if not dotted:
        pytest.fail(f"which application? Set {_SETTING} in pytest's configuration", pytrace=False)
    return load_application(dotted)


@pytest.fixture
def inline_worker(atlas_application: "Application") -> "Iterator[InlineWorker]":
    """Runs the application's jobs in this process, with simulated time."""
    from runtime.testing import InlineWorker  # noqa: PLC0415 - only who uses it pays

    with InlineWorker(atlas_application) as worker:
        yield worker
