"""Workflows that a date of a contact starts: a birthday, a membership's end, a visit long ago."""
