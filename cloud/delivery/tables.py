"""What each sink has delivered, and how each sink is."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table, Text, false

from cloud.ledger.metadata import metadata

# Not forgotten when the warnings are rebuilt: what was delivered is not delivered again.
deliveries = Table(
    "deliveries",
    metadata,
    Column("sink", String(64), primary_key=True),
    Column("message", String(128), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("delivered_ms", BigInteger),
    Column("given_up_ms", BigInteger),  # when `noted`; in rows of older releases: when the consumer answered 410
    Column("receipt", Text, nullable=False),  # the consumer's; or why it does not have it
    Column("noted", String(16)),  # cloud.delivery.values.Noted: why it does not go out
    Column("perhaps", Boolean, nullable=False, server_default=false()),  # an attempt had no answer: it may have it
)

# A row a sink, once there is something to say. `off_*` and `asked` are a person's, `gone_ms` and `why` the sink's own.
sinks = Table(
    "sinks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("off_by", String(128)),
    Column("off_ms", BigInteger),
    Column("asked", Integer, nullable=False, server_default="0"),  # rises when a person wants all tried again
    Column("gone_ms", BigInteger),  # since when the consumer answers 410
    Column("why", Text, nullable=False, server_default=""),
)

# What a sink has been told of maintenance, two rows a notice: that it is so, and that it is over. Kept when the view of
# the notices is rebuilt.
maintenance_deliveries = Table(
    "maintenance_deliveries",
    metadata,
    Column("sink", String(64), primary_key=True),
    Column("notice", String(200), primary_key=True),
    Column("part", String(8), primary_key=True),  # opening or end
    Column("first_ms", BigInteger, nullable=False),  # from then on the consumer may have it
    Column("done_ms", BigInteger),  # it has it, or refused it for good
    Column("set_aside", Boolean, nullable=False, server_default=false()),  # it refused it
    Column("receipt", Text, nullable=False),
)
