"""What the API's good answers look like, as JSON Schemas for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from cloud.access.scopes import Role, Scope
from cloud.api.series_tables import VALUES
from cloud.log.decision import DecisionKind
from cloud.maintenance.kinds import Audience
from cloud.maintenance.kinds import Kind as MaintenanceKind
from cloud.warnings.model import Certainty, Ending, MsgType, Why
from contract.catalogue.places import StationKind
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState

Schema = dict[str, Any]


def object_of(**properties: Schema) -> Schema:
    """All of them are always there."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def with_some(schema: Schema, **properties: Schema) -> Schema:
    """And these, which are there now and then."""
    return {**schema, "properties": {**schema["properties"], **properties}}


def list_of(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _one_of(words: type[StrEnum] | Iterable[str]) -> Schema:
    return {"type": "string", "enum": [str(w) for w in words]}


def _or_null(schema: Schema) -> Schema:
    nullable = {**schema, "type": [schema["type"], "null"]}
    return {**nullable, "enum": [*schema["enum"], None]} if "enum" in schema else nullable


TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
_NUMBER: Schema = {"type": "number"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_MS: Schema = {"type": "integer", "description": "UTC milliseconds"}
_FLAG: Schema = {"type": "integer", "enum": [1, 2, 3, 4, 9], "description": "QARTOD"}
_LEVEL = _one_of(Level)
_NAMES: Schema = {"type": "object", "propertyNames": {"enum": ["zh", "en"]}, "additionalProperties": TEXT}
_HASH: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_EVIDENCE = object_of(
    channel=COUNT,
    station=TEXT,
    level=_LEVEL,
    state=_one_of(ConditionState),
    value=_or_null(_NUMBER),
    time_ms=_or_null(_MS),
    rise_per_min=_or_null(_NUMBER),
    since_ms=_or_null(_MS),
    doubt=TEXT,
    simulated={"type": "boolean"},
    over_s=_or_null(_NUMBER),
)

_BOOLEAN: Schema = {"type": "boolean"}
_GAUGE = {"channel": COUNT, "station": TEXT, "name": TEXT}
_DOUBT: dict[str, Schema] = {
    "at_least": {**_BOOLEAN, "description": "The counter was reset: more fell than is known"},
    "uncertain": {**_BOOLEAN, "description": "A part was counted after a silence, and spread over it"},
}
_ACT = object_of(who=TEXT, at=_TIME, at_ms=_MS)

COMPONENTS: dict[str, Schema] = {
    "Station": object_of(
        id=TEXT,
        name=TEXT,
        names=_NAMES,
        zone=TEXT,
        subdistrict=_or_null(TEXT),
        kind=_one_of(StationKind),
        tags=list_of(TEXT),
        lat=_NUMBER,
        lon=_NUMBER,
        neighbours=list_of(TEXT),
        pumps=_or_null(
            object_of(
                count=COUNT,
                capacity_m3s=_or_null(list_of(_NUMBER)),
                start_m=_or_null(list_of(_NUMBER)),
                stop_m=_or_null(list_of(_NUMBER)),
                wet_well_area_m2=_or_null(_NUMBER),
                drains_back_m=_or_null(_NUMBER),
            )
        ),
        channels=list_of(COUNT),
    ),
    "Channel": object_of(
        id=COUNT,
        name=TEXT,
        names=_NAMES,
        station=TEXT,
        quantity=_one_of(Quantity),
        unit=TEXT,
        period_s=_NUMBER,
        gateway=TEXT,
        device=TEXT,
        thresholds={"type": "object", "propertyNames": _LEVEL, "additionalProperties": _NUMBER},
    ),
    "Zone": object_of(
        id=TEXT,
        name=TEXT,
        names=_NAMES,
        incident_group=_or_null(TEXT),
        area={**list_of(list_of(_NUMBER)), "description": "The ring, as latitude, longitude"},
        stations=list_of(TEXT),
    ),
    "Subdistrict": object_of(id=TEXT, name=TEXT, names=_NAMES, stations=list_of(TEXT)),
    "Gateway": object_of(
        id=TEXT,
        name=TEXT,
        names=_NAMES,
        buses=list_of(object_of(id=TEXT, kind=TEXT, devices=list_of(TEXT))),
        stations=list_of(TEXT),
        channels=list_of(COUNT),
    ),
    "Device": object_of(
        id=TEXT,
        model=TEXT,
        description=TEXT,
        protocol=TEXT,
        gateway=TEXT,
        bus=TEXT,
        unit={"type": ["integer", "string"]},
        period_s=_NUMBER,
        stations=list_of(TEXT),
        channels=list_of(COUNT),
    ),
    "Pump": object_of(
        id=TEXT,
        station=TEXT,
        number=COUNT,
        capacity_m3s=_or_null(_NUMBER),
        start_m=_or_null(_NUMBER),
        stop_m=_or_null(_NUMBER),
        channels={"type": "object", "additionalProperties": COUNT, "description": "What tells of it: `running`, ..."},
    ),
    "FeatureCollection": object_of(
        type={"type": "string", "const": "FeatureCollection"},
        features=list_of(
            object_of(
                type={"type": "string", "const": "Feature"},
                id=TEXT,
                geometry={"type": ["object", "null"]},
                properties={"type": "object", "description": "As in the JSON of the same question"},
            )
        ),
    ),
    "Latest": with_some(
        object_of(
            channel=COUNT,
            time=_or_null(_TIME),
            value=_or_null(_NUMBER),
            flag=_FLAG,
            age_s=_or_null(_NUMBER),
            state=_one_of(("good", "suspect", "unknown")),
        ),
        level={**_or_null(_LEVEL), "description": "The highest that a rule holds of it; not said of a time past"},
    ),
    "ZoneLevel": object_of(
        zone=TEXT,
        name=TEXT,
        level=_one_of((*Level, "unknown")),
        start=_TIME,
        end=_TIME,
        minutes=_NUMBER,
        goes_on=_BOOLEAN,
        incident=TEXT,
    ),
    "TriedIncident": object_of(
        rules=_one_of(("now", "tried")),
        zones=TEXT,
        opened=_TIME,
        closed=_or_null(_TIME),
        minutes=_NUMBER,
        peak_level=_LEVEL,
        messages=COUNT,
        **{level.value: _or_null(_TIME) for level in Level},
    ),
    "Reading": object_of(time=_TIME, channel=COUNT, value=_or_null(_NUMBER), flag=_FLAG),
    "Hour": object_of(
        time=_TIME,
        channel=COUNT,
        count=COUNT,
        **{name: _or_null(_NUMBER) for name in ("minimum", "maximum", "mean", "first", "last")},
    ),
    "SeriesRow": {
        "type": "object",
        "description": "Figures of a channel and interval: those that were asked for",
        "properties": {
            "time": {**_TIME, "description": "When the interval begins"},
            "channel": COUNT,
            **dict.fromkeys(("station", "name", "quantity", "unit"), TEXT),
            **{name: _or_null(_NUMBER) for name in (*VALUES, "sum", "above_s", "covered_s")},
            **{name: _or_null(_TIME) for name in ("minimum_time", "maximum_time")},
            "count": COUNT,
            "flag": _or_null(_FLAG),
            "at_least": {"type": "boolean", "description": "The counter was reset: more was counted than the sum says"},
            "filled": {"type": "boolean"},
        },
        "patternProperties": {"^p[1-9][0-9]?$": _or_null(_NUMBER)},
        "additionalProperties": False,
        "required": ["time", "channel"],
    },
    "WideRow": {
        "type": "object",
        "description": "An interval; `<channel>.<figure>` for each channel and figure",
        "properties": {"time": _TIME},
        "patternProperties": {"^[0-9]+[.]": {}},
        "additionalProperties": False,
        "required": ["time"],
    },
    "RainSum": object_of(
        **_GAUGE,
        window=TEXT,
        start=_TIME,
        end=_TIME,
        mm=_or_null(_NUMBER),
        **_DOUBT,
        provisional=_BOOLEAN,
        heard=_or_null(_TIME),
        silent=_BOOLEAN,
    ),
    "RainInterval": object_of(**_GAUGE, time=_TIME, mm=_NUMBER, mm_per_h=_NUMBER, total_mm=_NUMBER, **_DOUBT),
    "RainMaximum": object_of(
        **_GAUGE,
        duration=TEXT,
        mm=_or_null(_NUMBER),
        mm_per_h=_or_null(_NUMBER),
        start=_or_null(_TIME),
        end=_or_null(_TIME),
        **_DOUBT,
    ),
    "RainEvent": {
        **object_of(**_GAUGE, start=_TIME, end=_TIME, minutes=COUNT, mm=_NUMBER, **_DOUBT, may_go_on=_BOOLEAN),
        "patternProperties": {"^maximum_[0-9]+(min|h)_mm$": _NUMBER},
    },
    "WaterEvent": object_of(
        **_GAUGE,
        above=_NUMBER,
        start=_TIME,
        end=_TIME,
        minutes=_NUMBER,
        peak=_NUMBER,
        peak_time=_TIME,
        above_s=_NUMBER,
        unknown_s=_NUMBER,
        began_unseen=_BOOLEAN,
        ended_unseen=_BOOLEAN,
        goes_on=_BOOLEAN,
    ),
    "Gap": object_of(**_GAUGE, start=_TIME, end=_TIME, seconds=_NUMBER),
    "Completeness": object_of(
        **_GAUGE,
        start=_TIME,
        end=_TIME,
        known_s=_NUMBER,
        known_share=_or_null(_NUMBER),
        readings=COUNT,
        usable=COUNT,
        gaps=COUNT,
        longest_gap_s=_NUMBER,
    ),
    "Message": object_of(
        id=TEXT,
        incident=TEXT,
        sent=_TIME,
        msgType=_one_of(MsgType),
        level=_or_null(_LEVEL),
        references=list_of(TEXT),
        why=_or_null(_one_of(Why)),
        renewal={"type": "boolean"},
        expires=_or_null(_TIME),
        status=_one_of(("Actual", "Exercise", "Test")),
    ),
    "Incident": object_of(
        id=TEXT,
        zone=TEXT,
        level=_or_null(_LEVEL),
        peak_level=_or_null(_LEVEL),
        certainty=_one_of(Certainty),
        opened_ms=_MS,
        updated_ms=_MS,
        closed_ms=_or_null(_MS),
        zones=list_of(TEXT),
        acknowledged=_or_null(_ACT),
        owner=_or_null(_ACT),
        ended=_or_null(object_of(who=TEXT, at=_TIME, at_ms=_MS, reason=_one_of(Ending), note=TEXT)),
        evidence=list_of(_EVIDENCE),
        simulated={"type": "boolean"},
        blind={"type": "boolean"},
        sight=list_of(object_of(zone=TEXT, silent=COUNT, watched=COUNT, since_ms=_MS)),
        messages=list_of(reference("Message")),
    ),
    "Overview": object_of(
        version=TEXT,
        now=_TIME,
        district=object_of(id=TEXT, name=TEXT, names=_NAMES, time_zone=TEXT),
        ready=_BOOLEAN,
        why=TEXT,
        troubles=list_of(TEXT),
        quarantined=COUNT,
        stations=list_of(
            object_of(
                id=TEXT,
                state=_one_of(("normal", *Level, "unknown")),
                level={**_one_of(("normal", *Level)), "description": "Held while the state is unknown"},
                channel=_or_null(COUNT),
                quantity=_or_null(_one_of(Quantity)),
                value=_or_null(_NUMBER),
                unit=TEXT,
                sure=_one_of(("", "at least", "uncertain", "provisional")),
                time=_or_null(_TIME),
            )
        ),
        pumps=list_of(
            object_of(
                station=TEXT,
                wet_well_m=_or_null(_NUMBER),
                mains=_or_null(_NUMBER),
                pumps=list_of(object_of(running=_or_null(_NUMBER), fault=_or_null(_NUMBER), hours=_or_null(_NUMBER))),
            )
        ),
        incidents=list_of(reference("Incident")),
        gateways=list_of(
            object_of(id=TEXT, online=_BOOLEAN, refused=COUNT, said={"type": ["object", "null"]}),
        ),
        sinks=list_of({"type": "object"}),
    ),
    "Clock": object_of(
        now=_TIME,
        machine=_TIME,
        known={"type": "boolean"},
        step=_or_null(object_of(seconds=_NUMBER, at=_TIME)),
        trouble=TEXT,
    ),
    "Decision": object_of(
        id=TEXT,
        kind=_one_of(DecisionKind),
        who=TEXT,
        at=_TIME,
        target=TEXT,
        detail={"type": "object"},
        repeated={"type": "boolean"},
    ),
    "Mute": object_of(target=TEXT, until=_TIME, reason=TEXT, who=TEXT, at=_TIME),
    "RainSignal": object_of(
        level=_one_of(("none", *Level)), who=_or_null(TEXT), at=_or_null(_TIME), valid_until=_or_null(_TIME)
    ),
    "LateReading": object_of(
        number=COUNT, channel=COUNT, rule=TEXT, time=_TIME, came=_TIME, value=_NUMBER, level=_LEVEL
    ),
    "Maintenance": object_of(
        number=COUNT,
        id=TEXT,
        kind=_one_of(MaintenanceKind),
        audience=_one_of(Audience),
        what=object_of(en=TEXT, zh=TEXT),
        place=TEXT,
        station=_or_null(TEXT),
        gateway=_or_null(TEXT),
        since=_TIME,
        opened=_TIME,
        closed=_or_null(_TIME),
        value=_or_null(_NUMBER),
        more=TEXT,
        simulated={"type": "boolean"},
    ),
    "Kept": object_of(
        id=COUNT,
        gateway=TEXT,
        spool={"type": "string", "pattern": "^[0-9a-f]{16}$"},
        seq=COUNT,
        reason=TEXT,
        detail=TEXT,
        received_ms=_MS,
        bytes=COUNT,
    ),
    "Released": object_of(id=COUNT, released={"type": "boolean", "const": True}),
    "AuditRow": object_of(
        number={"type": "integer", "minimum": 1},
        time=_TIME,
        who=TEXT,
        what=TEXT,
        target=TEXT,
        source=TEXT,
        detail={"type": "object"},
        hash=_HASH,
    ),
    "Session": object_of(
        mode=_one_of(("open", "required")),
        name=_or_null(TEXT),
        role=_or_null(_one_of(Role)),
        scopes=list_of(_one_of(Scope)),
    ),
    "Problem": {**object_of(type=TEXT, status=COUNT, title=TEXT, detail=TEXT), "description": "RFC 9457"},
}
