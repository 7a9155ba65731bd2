"""docs/testing.md, run word for word in a directory that holds only it."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
ROOT = Path(__file__).parents[2]


def test_the_page_runs_word_for_word(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    for name, block in zip(("myapp.py", "test_myapp.py"), blocks, strict=True):
        (tmp_path / name).write_text(block)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    found = [point.value for point in entry_points(group="pytest11", name="atlas-queue")]
    # A checkout that was installed before the entry point was there.
    plugin = [] if found else ["-p", "runtime.pytest_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_the_plugin_loads_nothing_of_the_engine() -> None:
    code = "import sys, pytest; before = set(sys.modules); import runtime.pytest_plugin\n"
    code += "print(*sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["runtime", "runtime.pytest_plugin"]
