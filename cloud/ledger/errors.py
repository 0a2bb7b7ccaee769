"""What may be wrong with a ledger beside damage. Of its own, so that the commands need no SQLAlchemy to know it."""

from __future__ import annotations


class LedgerTooNew(Exception):
    """The ledger was opened by a newer Headwater. The message says what to do."""
