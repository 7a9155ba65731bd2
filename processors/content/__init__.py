"""What a message says by the time it leaves: cleaned, complete, and with a way out."""
