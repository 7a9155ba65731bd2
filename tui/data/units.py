"""The engine's units of time and size, so that a screen and a command say the same."""

from runtime.sanitize import durations, sizes

__all__ = ["durations", "sizes"]
