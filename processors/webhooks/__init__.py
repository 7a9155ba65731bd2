"""What providers report by webhook: verified, read, and applied once, in whatever order."""
