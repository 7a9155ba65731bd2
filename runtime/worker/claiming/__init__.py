"""Taking jobs, keeping their leases, and filling the slots."""
