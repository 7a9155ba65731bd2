"""Whose data workflows read and write: one protocol over our own tables or the CRM's."""
