"""Every change an operator can make, and the audit of where jobs are."""
