"""How our own child processes are started: whatever lies in the working directory."""

import os
import sys
import sysconfig
from pathlib import Path

import runtime


def child_command(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules in a fresh interpreter.

    ``-P``: the working directory comes nowhere in its path, so that a ``queue.py`` or a folder
    ``runtime/`` there is not taken for ours. The application is found there all the same: see
    `runtime.application.load_application`.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def child_environment() -> dict[str, str]:
    """Our environment; our packages are found where this process found them."""
    root = str(Path(runtime.__file__).parents[1])
    if root in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        return dict(os.environ)  # installed: nothing to add, neither for what handlers start
    others = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    # An empty entry of PYTHONPATH would mean the working directory.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys([root, *others]))}
