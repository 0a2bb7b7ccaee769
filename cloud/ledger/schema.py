"""The version of a ledger's schema, and the way from one to another (Alembic; see docs/decisions/migrations.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from cloud.ledger.errors import LedgerTooNew

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0008"  # the newest of migrations/versions
_LOCK = 0x48_57_4C  # of PostgreSQL's advisory locks, ours: "HWL"


def version_of(db: Connection) -> str | None:
    """The version that stands in the ledger; None for an empty one, and for one from before there were migrations."""
    if not inspect(db).has_table("alembic_version"):
        return None
    found: str | None = db.execute(text("select version_num from alembic_version")).scalar_one_or_none()
    return found


def bring_to_head(engine: Engine) -> None:
    """An empty ledger gets all tables, an older one what it lacks, with its rows kept: all of it or nothing.

    Any number of processes may do so at once: one does it, the others wait for that one.
    Raises LedgerTooNew, and what the database raises.
    """
    with engine.connect() as db:
        if version_of(db) == HEAD:
            return
    move(engine, "head")


def move(engine: Engine, target: str) -> None:
    """To another version, up or down; `head` is the newest, `base` is none. Raises LedgerTooNew.

    Down from a version, whatever only that version can hold is lost: copy the ledger before.
    """
    # A fifth of a second, which a ledger that is up to date does not pay at every command.
    from alembic import command
    from alembic.script import ScriptDirectory

    with engine.connect() as db:
        _keep_others_out(db)
        config = _config(db)
        order = [s.revision for s in ScriptDirectory.from_config(config).walk_revisions()][::-1]
        version = version_of(db)
        if version is not None and version not in order:
            where = engine.url.render_as_string(hide_password=True)
            raise LedgerTooNew(
                f"{where} has schema version {version}, and this Headwater knows versions up to {order[-1]}: start the "
                "newer Headwater again, or put back the copy of the ledger from before it was started"
            )
        now = order.index(version) + 1 if version is not None else 0
        wanted = {"head": len(order), "base": 0}.get(target)
        if wanted is None:
            wanted = order.index(target) + 1
        (command.upgrade if wanted >= now else command.downgrade)(config, target)
        db.commit()


def _keep_others_out(db: Connection) -> None:
    """Until the transaction ends. Both databases take changes of a schema back with it."""
    if db.dialect.name == "postgresql":
        db.execute(text("select pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    elif db.dialect.name == "sqlite":
        db.exec_driver_sql("begin immediate")  # Python's own would begin only at the first change of a row


def _config(db: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = db
    return config
