"""Constraints that make pip install the floor of each requirement; needs only the standard library.

``python tests/lowest.py`` prints them; ``make test-lowest`` installs them and runs the tests.
"""

import re
import tomllib
from pathlib import Path

_PROJECT = Path(__file__).parents[1] / "pyproject.toml"
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)(?:\[[\w,-]+\])?(?:>=|==)(?P<floor>[\w.]+)(?:,<[\w.]+)?"
)


def requirements() -> list[str]:
    """Every requirement of the project and its extras."""
    project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
    extras = [line for group in project["optional-dependencies"].values() for line in group]
    return sorted({*project["dependencies"], *extras})


def floors() -> dict[str, str]:
    """The lowest version of each package that all its requirements allow.

    Raises:
        ValueError: A requirement has no floor, or another form than ``name[extra]>=1.2,<3``.
    """
    found: dict[str, str] = {}
    for requirement in requirements():
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None:
            raise ValueError(
                f"{requirement}: expected name>=floor, name>=floor,<bound or name==1.2"
            )
        name, floor = match["name"], match["floor"]
        if found.setdefault(name, floor) != floor:
            raise ValueError(f"{name}: has the floors {found[name]} and {floor}; make them one")
    return found


if __name__ == "__main__":
    for name, floor in floors().items():
        print(f"{name}=={floor}")
