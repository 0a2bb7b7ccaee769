"""Copies of what a cloud keeps, taken while it runs, and put back into an empty folder."""
