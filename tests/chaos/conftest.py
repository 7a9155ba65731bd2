"""The engine's own fixtures: a private Redis, and workers as subprocesses."""

from tests.runtime.conftest import broker, client, control, engine, raw, reader, worker

__all__ = ["broker", "client", "control", "engine", "raw", "reader", "worker"]
