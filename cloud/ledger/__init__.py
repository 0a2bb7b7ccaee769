"""Relational state: SQLite by default, PostgreSQL by its URL."""
