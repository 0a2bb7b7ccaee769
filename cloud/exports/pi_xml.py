"""Time series for Delft-FEWS: PI-XML (Published Interface, `pi_timeseries.xsd` 1.24). Pure; times are UTC.

| QARTOD flag | PI flag |
|---|---|
| 1 pass, 2 not evaluated | 0 original, reliable |
| 3 suspect | 3 original, doubtful |
| 4 fail | 6 original, unreliable |
| 9 missing | 9 missing, with the missing value |
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np

from contract.readings import Flag, Float64s, Int64s, Uint8s

MISSING = -999.0
FLAGS = {Flag.PASS: 0, Flag.NOT_EVALUATED: 0, Flag.SUSPECT: 3, Flag.FAIL: 6, Flag.MISSING: 9}


@dataclass(frozen=True, slots=True)
class Header:
    """Of one series. step_s: between two values; None: as they came. sums: each value is of the step before it."""

    location: str
    parameter: str
    name: str
    lat: float
    lon: float
    unit: str
    start_ms: int
    end_ms: int
    step_s: int | None = None
    sums: bool = False


def head() -> bytes:
    where = 'xmlns="http://www.wldelft.nl/fews/PI" version="1.24"'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<TimeSeries {where}>\n<timeZone>0.0</timeZone>\n'.encode()


def begin(h: Header) -> bytes:
    """Up to the first value. In the order that the schema wants."""
    step = '<timeStep unit="nonequidistant"/>'
    if h.step_s is not None:
        step = f'<timeStep unit="second" multiplier="{h.step_s}"/>'
    first, last = (_moment(np.array([ms]))[0] for ms in (h.start_ms, h.end_ms))
    return (
        f"<series>\n<header>\n<type>{'accumulative' if h.sums else 'instantaneous'}</type>\n"
        f"<locationId>{escape(h.location)}</locationId>\n<parameterId>{escape(h.parameter)}</parameterId>\n{step}\n"
        f"<startDate {first}/>\n<endDate {last}/>\n<missVal>{MISSING}</missVal>\n"
        f"<stationName>{escape(h.name)}</stationName>\n<lat>{h.lat}</lat>\n<lon>{h.lon}</lon>\n"
        f"<units>{escape(h.unit)}</units>\n</header>\n"
    ).encode()


def events(time_ms: Int64s, value: Float64s, flag: Uint8s) -> bytes:
    """Shape (n,) each; of one series, some at a time."""
    known = ~np.isnan(value) & (flag != Flag.MISSING)
    flags = [FLAGS[Flag(f)] for f in np.where(known, flag, Flag.MISSING).tolist()]
    rows = zip(_moment(time_ms), np.where(known, value, MISSING).tolist(), flags, strict=True)
    return "".join(f'<event {at} value="{v!r}" flag="{f}"/>\n' for at, v, f in rows).encode()


def end() -> bytes:
    return b"</series>\n"


def tail() -> bytes:
    return b"</TimeSeries>\n"


def _moment(time_ms: Int64s) -> list[str]:
    """To the second, which is all that the schema's form has here."""
    text = np.datetime_as_string(time_ms.astype("datetime64[ms]"), unit="s").tolist()
    return [f'date="{t[:10]}" time="{t[11:]}"' for t in text]
