"""What comes back of a question: rows, or a table of pandas, polars or Arrow."""

from __future__ import annotations

import importlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Row = dict[str, Any]
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_SUFFIXES = {".csv": "csv", ".xlsx": "xlsx", ".parquet": "parquet", ".arrow": "arrow", ".ndjson": "ndjson"}


class Asking(Protocol):
    """Asks a question again in a form; the answer comes in pieces."""

    def __call__(self, form: str | None) -> Iterator[bytes]: ...


class Answer:
    """Of one question, which is asked when the answer is used, and again in each form that it is used in.

    tabular: it comes in all forms; else as JSON alone.
    """

    def __init__(self, ask: Asking, tabular: bool) -> None:
        self._ask, self._tabular = ask, tabular
        self._rows: list[Row] | None = None

    def rows(self) -> list[Row]:
        """A dict a row; times are text, RFC 3339 in UTC. None: not known."""
        if self._rows is None:
            self._rows = json.loads(b"".join(self._ask("json" if self._tabular else None)))
        return self._rows

    def __iter__(self) -> Iterator[Row]:
        """A row at a time. A table that was not asked for as rows before comes line by line, and is held nowhere."""
        if self._rows is not None or not self._tabular:
            yield from self.rows()
            return
        rest = b""
        for piece in self._ask("ndjson"):
            *lines, rest = (rest + piece).split(b"\n")
            yield from map(json.loads, lines)
        if rest:
            yield json.loads(rest)

    def __len__(self) -> int:
        return len(self.rows())

    def arrow(self) -> pa.Table:
        """Raises ImportError where pyarrow is not installed."""
        if not self._tabular:
            return _wanted("pyarrow").Table.from_pylist(self.rows())
        return _wanted("pyarrow.ipc").open_stream(b"".join(self._ask("arrow"))).read_all()

    def pandas(self) -> pd.DataFrame:
        """Times are times in UTC. Raises ImportError where pandas is not installed. With pyarrow it is faster."""
        pd = _wanted("pandas")
        if self._tabular and _there("pyarrow"):
            return self.arrow().to_pandas()
        found = pd.DataFrame(self.rows())
        for name in found.columns:
            known = found[name].dropna()
            if len(known) and known.map(lambda v: isinstance(v, str) and _TIME.fullmatch(v) is not None).all():
                found[name] = pd.to_datetime(found[name], utc=True, format="ISO8601")
        return found

    def polars(self) -> pl.DataFrame:
        """Raises ImportError where polars is not installed."""
        pl = _wanted("polars")
        if not self._tabular:
            return pl.DataFrame(self.rows())
        return pl.read_ipc_stream(io.BytesIO(b"".join(self._ask("arrow"))))

    def save(self, path: str | Path) -> Path:
        """Into a file, in the form that its name ends in: .csv, .xlsx, .parquet, .arrow, .ndjson, else .json.

        It comes in pieces and is not held; a file of that name is replaced once all of it is there.
        """
        path = Path(path)
        if path.suffix != ".json" and not (self._tabular and path.suffix in _SUFFIXES):
            forms = ", ".join((".json", *_SUFFIXES)) if self._tabular else ".json"
            raise ValueError(f"{path.name}: this answer is written as {forms}")
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as file:
            for piece in self._ask(_SUFFIXES.get(path.suffix, "json") if self._tabular else None):
                file.write(piece)
        return part.replace(path)


def _there(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _wanted(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise ImportError(f"{name} is not installed: pip install {name}, or take .rows()") from error
