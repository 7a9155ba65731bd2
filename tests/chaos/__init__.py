"""Faults on purpose, judged by an oracle outside Redis and by the auditor."""
