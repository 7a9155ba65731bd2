"""A made-up system for the offline tour, the screenshots and the tests."""
