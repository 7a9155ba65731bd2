"""Reading a deployment: one snapshot, lists, single jobs, and what they mean."""
