"""Leads: reading, recording and changing them."""
