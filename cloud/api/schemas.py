"""What the API's good answers look like, as JSON Schemas for the OpenAPI document."""

from __future__ import annotations

from cloud.access.scopes import Role, Scope
from cloud.api.pump_schemas import PUMPS
from cloud.api.row_schemas import ROWS
from cloud.api.shapes import (
    BOOLEAN,
    COUNT,
    FLAG,
    HASH,
    LEVEL,
    MS,
    NAMES,
    NUMBER,
    TEXT,
    TIME,
    Schema,
    list_of,
    object_of,
    one_of,
    or_null,
    reference,
    with_some,
)
from cloud.log.decision import DecisionKind
from cloud.maintenance.kinds import Audience
from cloud.maintenance.kinds import Kind as MaintenanceKind
from cloud.warnings.model import Certainty, Ending, MsgType, Why
from contract.catalogue.places import StationKind
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState

EVIDENCE = object_of(
    channel=COUNT,
    station=TEXT,
    level=LEVEL,
    state=one_of(ConditionState),
    value=or_null(NUMBER),
    time_ms=or_null(MS),
    rise_per_min=or_null(NUMBER),
    since_ms=or_null(MS),
    doubt=TEXT,
    simulated={"type": "boolean"},
    over_s=or_null(NUMBER),
)

ACT = object_of(who=TEXT, at=TIME, at_ms=MS)
COMPONENTS: dict[str, Schema] = {
    **ROWS,
    **PUMPS,
    "Station": object_of(
        id=TEXT,
        name=TEXT,
        names=NAMES,
        zone=TEXT,
        subdistrict=or_null(TEXT),
        kind=one_of(StationKind),
        tags=list_of(TEXT),
        lat=NUMBER,
        lon=NUMBER,
        neighbours=list_of(TEXT),
        pumps=or_null(
            object_of(
                count=COUNT,
                capacity_m3s=or_null(list_of(NUMBER)),
                start_m=or_null(list_of(NUMBER)),
                stop_m=or_null(list_of(NUMBER)),
                wet_well_area_m2=or_null(NUMBER),
                drains_back_m=or_null(NUMBER),
            )
        ),
        channels=list_of(COUNT),
    ),
    "Channel": object_of(
        id=COUNT,
        name=TEXT,
        names=NAMES,
        station=TEXT,
        quantity=one_of(Quantity),
        unit=TEXT,
        period_s=NUMBER,
        gateway=TEXT,
        device=TEXT,
        thresholds={"type": "object", "propertyNames": LEVEL, "additionalProperties": NUMBER},
    ),
    "Zone": object_of(
        id=TEXT,
        name=TEXT,
        names=NAMES,
        incident_group=or_null(TEXT),
        area={**list_of(list_of(NUMBER)), "description": "The ring, as latitude, longitude"},
        stations=list_of(TEXT),
    ),
    "Subdistrict": object_of(id=TEXT, name=TEXT, names=NAMES, stations=list_of(TEXT)),
    "Gateway": object_of(
        id=TEXT,
        name=TEXT,
        names=NAMES,
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
        period_s=NUMBER,
        stations=list_of(TEXT),
        channels=list_of(COUNT),
    ),
    "Pump": object_of(
        id=TEXT,
        station=TEXT,
        number=COUNT,
        capacity_m3s=or_null(NUMBER),
        start_m=or_null(NUMBER),
        stop_m=or_null(NUMBER),
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
            time=or_null(TIME),
            value=or_null(NUMBER),
            flag=FLAG,
            age_s=or_null(NUMBER),
            state=one_of(("good", "suspect", "unknown")),
        ),
        level={**or_null(LEVEL), "description": "The highest that a rule holds of it; not said of a time past"},
    ),
    "Message": object_of(
        id=TEXT,
        incident=TEXT,
        sent=TIME,
        msgType=one_of(MsgType),
        level=or_null(LEVEL),
        references=list_of(TEXT),
        why=or_null(one_of(Why)),
        renewal={"type": "boolean"},
        expires=or_null(TIME),
        status=one_of(("Actual", "Exercise", "Test")),
    ),
    "Incident": object_of(
        id=TEXT,
        zone=TEXT,
        level=or_null(LEVEL),
        peak_level=or_null(LEVEL),
        certainty=one_of(Certainty),
        opened_ms=MS,
        updated_ms=MS,
        closed_ms=or_null(MS),
        zones=list_of(TEXT),
        acknowledged=or_null(ACT),
        owner=or_null(ACT),
        ended=or_null(object_of(who=TEXT, at=TIME, at_ms=MS, reason=one_of(Ending), note=TEXT)),
        evidence=list_of(EVIDENCE),
        simulated={"type": "boolean"},
        blind={"type": "boolean"},
        sight=list_of(object_of(zone=TEXT, silent=COUNT, watched=COUNT, since_ms=MS)),
        messages=list_of(reference("Message")),
    ),
    "Overview": object_of(
        version=TEXT,
        now=TIME,
        district=object_of(id=TEXT, name=TEXT, names=NAMES, time_zone=TEXT),
        ready=BOOLEAN,
        why=TEXT,
        troubles=list_of(TEXT),
        quarantined=COUNT,
        stations=list_of(
            object_of(
                id=TEXT,
                state=one_of(("normal", *Level, "unknown")),
                level={**one_of(("normal", *Level)), "description": "Held while the state is unknown"},
                channel=or_null(COUNT),
                quantity=or_null(one_of(Quantity)),
                value=or_null(NUMBER),
                unit=TEXT,
                sure=one_of(("", "at least", "uncertain", "provisional")),
                time=or_null(TIME),
            )
        ),
        pumps=list_of(
            object_of(
                station=TEXT,
                wet_well_m=or_null(NUMBER),
                mains=or_null(NUMBER),
                pumps=list_of(object_of(running=or_null(NUMBER), fault=or_null(NUMBER), hours=or_null(NUMBER))),
            )
        ),
        incidents=list_of(reference("Incident")),
        gateways=list_of(
            object_of(id=TEXT, online=BOOLEAN, refused=COUNT, said={"type": ["object", "null"]}),
        ),
        sinks=list_of({"type": "object"}),
    ),
    "Clock": object_of(
        now=TIME,
        machine=TIME,
        known={"type": "boolean"},
        step=or_null(object_of(seconds=NUMBER, at=TIME)),
        trouble=TEXT,
    ),
    "Decision": object_of(
        id=TEXT,
        kind=one_of(DecisionKind),
        who=TEXT,
        at=TIME,
        target=TEXT,
        detail={"type": "object"},
        repeated={"type": "boolean"},
    ),
    "Mute": object_of(target=TEXT, until=TIME, reason=TEXT, who=TEXT, at=TIME),
    "RainSignal": object_of(
        level=one_of(("none", *Level)), who=or_null(TEXT), at=or_null(TIME), valid_until=or_null(TIME)
    ),
    "LateReading": object_of(number=COUNT, channel=COUNT, rule=TEXT, time=TIME, came=TIME, value=NUMBER, level=LEVEL),
    "Maintenance": object_of(
        number=COUNT,
        id=TEXT,
        kind=one_of(MaintenanceKind),
        audience=one_of(Audience),
        what=object_of(en=TEXT, zh=TEXT),
        place=TEXT,
        station=or_null(TEXT),
        gateway=or_null(TEXT),
        since=TIME,
        opened=TIME,
        closed=or_null(TIME),
        value=or_null(NUMBER),
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
        received_ms=MS,
        bytes=COUNT,
    ),
    "Released": object_of(id=COUNT, released={"type": "boolean", "const": True}),
    "AuditRow": object_of(
        number={"type": "integer", "minimum": 1},
        time=TIME,
        who=TEXT,
        what=TEXT,
        target=TEXT,
        source=TEXT,
        detail={"type": "object"},
        hash=HASH,
    ),
    "Session": object_of(
        mode=one_of(("open", "required")),
        name=or_null(TEXT),
        role=or_null(one_of(Role)),
        scopes=list_of(one_of(Scope)),
    ),
    "Problem": {**object_of(type=TEXT, status=COUNT, title=TEXT, detail=TEXT), "description": "RFC 9457"},
}
