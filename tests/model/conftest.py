"""The broker and the settings of the engine's own tests."""

from tests.runtime.conftest import broker, engine

__all__ = ["broker", "engine"]
