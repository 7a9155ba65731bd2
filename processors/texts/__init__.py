"""Values and variables, and how they are written into messages to people."""
