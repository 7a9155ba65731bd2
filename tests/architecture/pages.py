"""Runs what a page says, word for word, in a directory that holds only it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in that language ('' for output), in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [code for name, code in found if name == language]


def run(
    script: str, directory: Path, redis_url: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run shell lines as a newcomer would: nothing is set but the address of Redis."""
    if not (BIN / "atlas-worker").exists():
        pytest.skip("the programs are not installed beside this Python")
    return subprocess.run(
        ["bash", "-emc", script],
        cwd=directory,
        env={
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(directory),
            "REDIS_URL": redis_url,
            "ATLAS_LEASE_S": "3",
            "ATLAS_RENEW_S": "1",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
