"""E-mail addresses, phone numbers and countries: how each is read and spelled."""
