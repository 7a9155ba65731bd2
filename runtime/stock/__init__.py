"""Jobs of plain RQ producers: the only package that touches RQ's classes."""
