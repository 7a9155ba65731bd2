"""The wheel as somebody installs it: whole, and working outside this repository."""

import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime import __version__

ROOT = Path(__file__).parents[2]
PACKAGES = ("runtime", "processors", "tui")


@dataclass(frozen=True)
class Installed:
    """The wheel in a folder of its own; the dependencies are those of this interpreter."""

    folder: Path
    home: Path

    def run(self, program: str, *arguments: str, **variables: str) -> tuple[int, str]:
        """Exit code and output of a program, run from an empty folder."""
        done = subprocess.run(
            [str(self.folder / "bin" / program), *arguments],
            cwd=self.home, capture_output=True, text=True, timeout=60, check=False,
            stdin=subprocess.DEVNULL,
            env={
                "PATH": os.environ["PATH"], "HOME": str(self.home),
                "PYTHONPATH": str(self.folder), **variables,
            },
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel, built without a network."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("site")
    wheel = next(built.glob("*.whl"))
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
            "--no-compile", "--target", str(folder), str(wheel),
        ],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    return Installed(folder, tmp_path_factory.mktemp("elsewhere"))


def files_of_the_packages() -> set[str]:
    """Every file below the three packages, also scripts, templates and styles."""
    return {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_every_file_of_the_packages_and_no_other(built: Path):
    names = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    packed = {name for name in names if ".dist-info/" not in name}
    assert packed == files_of_the_packages()
    assert {Path(name).suffix for name in packed} >= {
        ".py",
        ".lua",
        ".html",
        ".txt",
        ".mako",
        ".tcss",
    }


def test_the_sdist_has_what_a_wheel_is_made_of_and_little_else(built: Path):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= files_of_the_packages() | {"pyproject.toml", "README.md", "LICENSE"}
    assert {name.partition("/")[0] for name in names} <= {
        *PACKAGES, "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO",
        ".env.example", ".gitignore",
    }  # fmt: skip


@pytest.mark.parametrize("program", ["atlas", "atlas-worker", "atlas-dash"])
def test_each_program_tells_its_version(installed: Installed, program: str):
    assert installed.run(program, "--version") == (0, f"{program} {__version__}\n")


def test_the_installed_package_is_the_one_that_runs(installed: Installed):
    done = subprocess.run(
        [sys.executable, "-c", "import runtime, processors, tui; print(runtime.__file__)"],
        cwd=installed.home, capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": str(installed.folder)},
    )  # fmt: skip
    assert Path(done.stdout.strip()).parent == installed.folder / "runtime"


def test_it_checks_its_settings_and_works_through_a_queue(installed: Installed, redis_url: str):
    """Scripts, migrations and the application are found, by the supervisor's children too."""
    variables = {
        "REDIS_URL": redis_url,
        "ATLAS_ENV": "test",
        "ATLAS_PROCESSES": "1",
        "DATABASE_URL": f"sqlite:///{installed.home}/atlas.db",
    }
    code, said = installed.run("atlas", "check", **variables)
    assert code == 0, said
    code, said = installed.run(
        "atlas", "enqueue", "send_email", "--org", "org_iron", "--data",
        '{"to": "jo@example.com", "subject": "Hi", "text": "Monday?"}', **variables,
    )  # fmt: skip
    assert code == 0, said
    code, said = installed.run("atlas-worker", "--burst", **variables)
    assert code == 0, said
    code, said = installed.run("atlas", "messages", "list", **variables)
    assert code == 0, said
    assert "jo@" in said or "Hi" in said, said
