"""Where the tables of the ledger are gathered: each stands beside its owner."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
