"""What answers about pumps look like, as JSON Schemas for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from cloud.api.shapes import BOOLEAN, COUNT, NUMBER, TEXT, TIME, Schema, object_of, one_of, or_null


def _or_null(schema: Schema, description: str = "") -> Schema:
    return {**or_null(schema), **({"description": description} if description else {})}


_OF_TIME: dict[str, Any] = {"start": TIME, "end": TIME, "known_s": NUMBER}
_ENERGY: dict[str, Any] = {"energy_kwh": _or_null(NUMBER), "energy_known_s": NUMBER}

PUMPS: dict[str, Schema] = {
    "PumpFigures": object_of(
        pump={**TEXT, "description": "As /v1/pumps has it: station/number"},
        station=TEXT,
        name={**TEXT, "description": "The station's"},
        number=COUNT,
        **_OF_TIME,
        unknown_s=NUMBER,
        run_h=_or_null(NUMBER, "Of the known time"),
        duty_share=_or_null(NUMBER, "Run time / known time"),
        longest_run_min=_or_null(NUMBER, "Without a break, cut at the interval's ends and at gaps"),
        starts=_or_null(COUNT, "Seen ones: none is made of a gap"),
        starts_per_h=_or_null(NUMBER, "Of the known time"),
        most_starts_in_1h=_or_null(COUNT, "Up to and with any start in the interval"),
        run_counted_h=_or_null(NUMBER, "By its hour counter; a step belongs to where it was shown"),
        starts_counted=_or_null(NUMBER, "By its counter of starts"),
        at_least={**BOOLEAN, "description": "A counter was reset: it counted more than is known"},
        run_differs=_or_null(BOOLEAN, "States and hour counter disagree; null where that cannot be said"),
        **_ENERGY,
        drawdown_runs={**COUNT, "description": "Runs that ended in it and were seen whole"},
        drawdown_m=_or_null(NUMBER, "Of such a run, a mean"),
        drawdown_m_per_h=_or_null(NUMBER, "All that these fell / all that they ran"),
    ),
    "PumpInflow": object_of(
        station=TEXT,
        name=TEXT,
        **_OF_TIME,
        inflow_m3=_or_null(NUMBER, "In the known time"),
        inflow_m3s=_or_null(NUMBER, "Its mean"),
        peak_m3s=_or_null(NUMBER, "Of a piece of five minutes or a little more"),
        peak_time=_or_null(TIME, "When that began"),
        uncertain_m3s=_or_null(NUMBER, "By so much a piece's inflow may be off, for the well's deadband"),
        margin_m3s=_or_null(NUMBER, "The least of available capacity less inflow; below 0: more came"),
        margin_time=_or_null(TIME),
        at_least={**BOOLEAN, "description": "The well stood at the level at which it drains back: more came"},
        pumped_m3=_or_null(NUMBER, "Run time x capacity, of the time for which states are known"),
        capacity_m3s=_or_null(NUMBER, "Of all pumps"),
        **_ENERGY,
    ),
    "PumpEvent": object_of(
        channel=COUNT,
        station=TEXT,
        name={**TEXT, "description": "The channel's"},
        pump=_or_null(COUNT, "Its number in the station; null of what is the station's"),
        what=one_of(("fault", "mains_lost", "generator_on", "run")),
        start=TIME,
        end=TIME,
        seconds=NUMBER,
        began_unseen=BOOLEAN,
        ended_unseen=BOOLEAN,
        goes_on=BOOLEAN,
        drawdown_m=_or_null(NUMBER, "Of a run that was seen whole"),
    ),
}
