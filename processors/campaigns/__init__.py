"""Campaigns: one message to many, in batches that never hold up what a person waits for."""
