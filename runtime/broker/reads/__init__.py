"""Reading Redis: no write, no clean-up, no script."""
