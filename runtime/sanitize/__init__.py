"""What text, numbers and secrets pass before a terminal, a log or a script sees them."""
