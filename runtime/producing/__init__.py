"""What the clients share: from a call to jobs in Redis, and to the result of one."""
