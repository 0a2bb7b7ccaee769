"""What the warnings would have been: the same engine over a recorded log, into a ledger of its own."""

from __future__ import annotations

from sqlalchemy import Engine

from cloud.ledger.open import open_ledger
from cloud.log.base import BatchLog
from cloud.views.base import Poisoned
from cloud.views.decode import without
from cloud.warnings import cuts
from cloud.warnings.model import Message
from cloud.warnings.settings import WarningSettings
from cloud.warnings.view import NAME, open_view
from contract.catalogue.catalogue import Catalogue

_ENTRIES = 5000


def replay(
    batch_log: BatchLog, catalogue: Catalogue, settings: WarningSettings | None = None, told: Engine | None = None
) -> list[Message]:
    """All messages, oldest first. With other rules in the catalogue: what those would have done.

    told: the ledger of the log, which knows how a trimmed one begins; what was told before that is not among them.
    """
    ledger = open_ledger("sqlite://")
    try:
        if told is not None:
            with told.connect() as source, ledger.begin() as target:
                cuts.copy_beginning(source, target, NAME)
        view = open_view(ledger, catalogue, settings)
        aside: set[int] = set()
        while entries := batch_log.read(view.cursor(), _ENTRIES):
            try:
                view.apply(without(entries, aside))
            except Poisoned as error:  # as the live view does
                aside.add(error.offset)
        return list(reversed(view.reader.messages(limit=10**9)))
    finally:
        ledger.dispose()
