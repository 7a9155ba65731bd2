"""Clean-up and the audit of where jobs are."""
