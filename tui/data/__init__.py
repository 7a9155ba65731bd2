"""Where the screens' data come from; the only part of the dashboard that knows the runtime."""
