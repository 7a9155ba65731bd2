"""What each role looks like in a theme.

Not CSS component classes: Textual computes those again for every widget whenever a screen comes to
the front, which made a change of screen five times as expensive.
"""

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color

# Foreground, background and whether bold; names of theme variables, or colours.
_LOOKS: dict[str, tuple[str, str, bool]] = {
    "muted": ("dim", "", False),
    "strong": ("", "", True),
    "good": ("success", "", False),
    "warn": ("warning", "", True),
    "bad": ("error", "", True),
    "info": ("primary", "", False),
    "spark": ("primary-darken-2", "", False),
    "heading": ("secondary", "", True),
    "key": ("primary", "", True),
    "badge": ("background", "primary", True),
    "alarm": ("#ffffff", "#c01818", True),
}
_ROW_LOOKS: dict[str, tuple[str, str, bool]] = {
    "cursor": ("", "primary-muted", True),
    "blurred": ("", "panel", False),
    "marked": ("", "surface", False),
    "banner": ("#ffffff", "#c01818", True),
    "bar": ("", "surface", False),
}


def role_style(role: str, variables: Mapping[str, str]) -> Style:
    """The style of a role of text, laid over what is below it."""
    return _style(_LOOKS[role], variables)


def row_style(row: str, variables: Mapping[str, str]) -> Style:
    """The style of a role of a whole row."""
    return _style(_ROW_LOOKS[row], variables)


def _style(look: tuple[str, str, bool], variables: Mapping[str, str]) -> Style:
    foreground, background, bold = look
    return Style(
        color=_color(foreground, variables),
        bgcolor=_color(background, variables),
        bold=bold or None,
    )


def _color(name: str, variables: Mapping[str, str]) -> str | None:
    if not name:
        return None
    # A theme may give a colour with an opacity behind it ("ansi_blue 50%").
    color = Color.parse(variables.get(name, name).split()[0])
    return color.rich_color.name
