"""What the API's parts share: times in, JSON out."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import orjson
from fastapi.responses import Response

from cloud.api.openapi import MOMENT
from cloud.api.problems import Problem
from contract.clock import iso, to_ms

_SECONDS_FROM, _SECONDS_TO = 100_000_000, 4_102_444_800  # 1973 to 2100 in seconds; January and February 1970 in ms


def number(value: float) -> float | None:
    """NaN and infinity are null: JSON has no other word for them."""
    return value if math.isfinite(value) else None


def moment(text: str, name: str) -> int:
    """UTC ms. Raises Problem(422), also for what would be a time of early 1970 and surely is meant as seconds."""
    try:
        if not MOMENT.fullmatch(text):
            raise ValueError("not a time with a zone")
        found = int(text) if text.lstrip("-").isdigit() else to_ms(datetime.fromisoformat(text.replace(" ", "+")))
    except ValueError as error:
        what = f"{name}={text[:64]!r}: {error}; write 2021-07-20T16:00:00+08:00 or epoch milliseconds"
        raise Problem(422, "A time cannot be read", what) from error
    if text.isdigit() and _SECONDS_FROM <= found < _SECONDS_TO:
        what = (
            f"{name}={text} is {iso(found)} in milliseconds: seconds of {iso(found * 1000)}? Then write {found * 1000}"
        )
        raise Problem(422, "A time is in seconds", what)
    if abs(found) > 4_102_444_800_000:
        raise Problem(422, "A time is out of range", f"{name}: before 1840 or after 2100")
    return found


def json_of(data: Any) -> Response:
    return Response(orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
