"""Message templates and how they are rendered."""
