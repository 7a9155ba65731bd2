"""The dashboard: a terminal application that shows the runtime and steers it."""
