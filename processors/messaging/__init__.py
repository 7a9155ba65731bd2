"""Messages: rendering, the ledger that sends each once, and the senders."""
