"""Workflow definitions: read, checked, saved, kept in versions."""
