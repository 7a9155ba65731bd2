"""What each kind of job takes: frozen models, unknown fields refused, everything bounded."""
