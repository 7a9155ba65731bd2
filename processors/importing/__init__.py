"""Importing the CRM's exports: files read row by row, batches stored, refusals named by line."""
