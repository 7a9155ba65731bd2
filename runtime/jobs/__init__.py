"""A job as data: what a producer hands over, and how it is stored."""
