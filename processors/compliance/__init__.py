"""Who may be written to, when, and how we know: consent, suppressions, quiet hours, caps."""
