"""What sends messages: one file a provider, and which channel uses which."""
