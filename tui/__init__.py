"""The dashboard: a terminal application that shows the runtime and controls it."""
