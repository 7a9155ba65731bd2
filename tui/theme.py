"""Colours: one theme that stays readable for the colour-blind (blue, orange, no red-green)."""

from textual.theme import Theme

ATLAS_THEME = Theme(
    name="atlas",
    primary="#5aa9e6",
    secondary="#8fb8de",
    accent="#5aa9e6",
    success="#7fc8b0",
    warning="#f2b134",
    error="#ff7a59",
    foreground="#d8dee6",
    background="#0f1419",
    surface="#161c23",
    panel="#1e2630",
    dark=True,
)
