"""A made-up system for the offline tour, the pictures and the tests."""
