"""The parts of README.md that are made from code. ``python -m tests.readme`` makes them anew."""

import re
from pathlib import Path

from processors.settings import CrmSettings
from runtime.config.settings import Settings
from tui.screen_list import all_keys

README = Path(__file__).parents[1] / "README.md"


def settings_table() -> str:
    """All settings."""
    rows = ["| variable | default | allowed | what it is |", "|---|---|---|---|"]
    rows += [
        f"| `{line.variable}` | {_code(line.default)} | {_plain(line.allowed)} "
        f"| {_plain(line.documentation)} |"
        for line in Settings.reference(CrmSettings)
    ]
    return "\n".join(rows)


def _code(value: str) -> str:
    return value if "`" in value or value == "(none)" else f"`{value}`"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: <address> would be taken for a tag, * for emphasis."""
    return text if "`" in text else text.replace("<", "&lt;").replace("*", "\\*")


def keys_table() -> str:
    """All keys."""
    rows = ["| key | does |", "|---|---|"]
    rows += [f"| `{key.label}` | {key.long} |" for key in all_keys().values()]
    return "\n".join(rows)


def made_anew(text: str) -> str:
    """README.md with its tables made from the code as it is now."""
    for name, table in (("keys", keys_table()), ("settings", settings_table())):
        text, count = re.subn(
            rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)",
            lambda marks, table=table: f"{marks[1]}\n{table}\n\n{marks[2]}",  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
        assert count == 1, f"README.md has no place for the {name}"
    return text


if __name__ == "__main__":
    README.write_text(made_anew(README.read_text(encoding="utf-8")), encoding="utf-8")
