"""Incidents and messages as JSON: one form for the ledger, the API, the page and the consumers. Pure.

`*_json` gives plain values for `json.dumps`; `*_from_json` makes again what it gave, and raises KeyError, ValueError or
TypeError on anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cloud.warnings.blind import BlindState, Notice
from cloud.warnings.decisions import Mute
from cloud.warnings.incidents import Aside, IncidentState, OpenIncident
from cloud.warnings.model import Act, Certainty, Ended, Ending, Evidence, Incident, MessageHead, Sight, Why
from contract.catalogue.names import NameText
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.clock import iso
from contract.conditions.state import ConditionState
from contract.conditions.targets import ConditionKey, Target

_QUANTITIES = {quantity.value: quantity for quantity in Quantity}


def message_json(m: MessageHead) -> dict[str, Any]:
    """What consumers, the API and the page are told of a message, but for its CAP text.

    sent, expires: RFC 3339, UTC. why, expires: null of a message from a release that did not store them.
    """
    return {
        "id": m.id,
        "incident": m.incident,
        "sent": iso(m.sent_ms),
        "msgType": m.msg_type.value,
        "level": _level_json(m.level),
        "references": list(m.references),
        "why": m.why.value if m.why else None,
        "renewal": m.renewal,
        "expires": None if m.expires_ms is None else iso(m.expires_ms),
        "status": m.status,
    }


def incident_json(i: Incident) -> dict[str, Any]:
    """What the API and the page are told of an incident, but for its messages, and what the ledger keeps of it.

    Times are UTC milliseconds.
    """
    return {
        "id": i.id,
        "zone": i.zone,
        "level": _level_json(i.level),
        "peak_level": _level_json(i.peak_level),
        "certainty": i.certainty.value,
        "opened_ms": i.opened_ms,
        "updated_ms": i.updated_ms,
        "closed_ms": i.closed_ms,
        "zones": list(i.zones or (i.zone,)),
        "acknowledged": None if i.acknowledged is None else _act_json(i.acknowledged),
        "owner": None if i.owner is None else _act_json(i.owner),
        "ended": None if i.ended is None else _ended_json(i.ended),
        "evidence": [evidence_json(e) for e in i.evidence],
        "simulated": i.simulated,
        "blind": i.blind,
        "sight": [{"zone": s.zone, "silent": s.silent, "watched": s.watched, "since_ms": s.since_ms} for s in i.sight],
    }


def _level_json(level: Level | None) -> str | None:
    """null: of a blind notice, which has none."""
    return None if level is None else level.value


def _level_from_json(level: str | None) -> Level | None:
    return None if level is None else Level(level)


def _act_json(a: Act) -> dict[str, Any]:
    return {"who": a.who, "at": iso(a.at_ms), "at_ms": a.at_ms}


def _act_from_json(data: Mapping[str, Any] | None) -> Act | None:
    return None if data is None else Act(data["who"], data["at_ms"])


def _ended_json(e: Ended) -> dict[str, Any]:
    return {"who": e.who, "at": iso(e.at_ms), "at_ms": e.at_ms, "reason": e.reason.value, "note": e.note}


def _ended_from_json(data: Mapping[str, Any] | None) -> Ended | None:
    return None if data is None else Ended(data["who"], data["at_ms"], Ending(data["reason"]), data["note"])


def evidence_json(e: Evidence) -> dict[str, Any]:
    """One condition that speaks for an incident."""
    return {
        "rule": e.key.rule,
        "target": e.key.target.text,
        "channel": e.channel,
        "station": e.station,
        "quantity": e.quantity.value,
        "level": e.level.value,
        "state": e.state.value,
        "value": e.value,
        "time_ms": e.time_ms,
        "rise_per_min": e.rise_per_min,
        "since_ms": e.since_ms,
        "doubt": e.doubt,
        "simulated": e.simulated,
        "over_s": e.over_s,
    }


def incident_from_json(data: Mapping[str, Any]) -> Incident:
    """What `incident_json` gave, of this release or of one in which evidence was of a depth at a channel only."""
    evidence = tuple(map(evidence_from_json, data["evidence"]))
    return Incident(
        data["id"],
        data["zone"],
        _level_from_json(data["level"]),
        _level_from_json(data["peak_level"]),
        Certainty(data["certainty"]),
        data["opened_ms"],
        data["updated_ms"],
        data["closed_ms"],
        evidence,
        tuple(data.get("zones") or (data["zone"],)),
        _act_from_json(data.get("acknowledged")),
        _act_from_json(data.get("owner")),
        _ended_from_json(data.get("ended")),
        data.get("simulated", False),
        tuple(Sight(s["zone"], s["silent"], s["watched"], s["since_ms"]) for s in data.get("sight", ())),
    )


def evidence_from_json(e: Mapping[str, Any]) -> Evidence:
    """What `evidence_json` gave, of this release or an older one."""
    target = Target.parse(e["target"]) if "target" in e else Target.of_channel(e["channel"])
    return Evidence(
        ConditionKey(target, e.get("rule", "")),
        e["channel"],
        e["station"],
        _QUANTITIES[e.get("quantity", "depth")],
        Level(e["level"]),
        ConditionState(e["state"]),
        e["value"],
        e["time_ms"],
        e.get("rise_per_min"),
        e.get("since_ms"),
        e.get("doubt", ""),
        e.get("simulated", False),
        e.get("over_s"),
    )


def open_incident_json(o: OpenIncident) -> dict[str, Any]:
    """What the ledger keeps of an open incident."""
    return {
        "incident": incident_json(o.incident),
        "told": incident_json(o.told),
        "told_ms": o.told_ms,
        "worse_ms": o.worse_ms,
        "lost": [[key.target.text, key.rule, why.value] for key, why in sorted(o.lost.items())],
    }


def open_incident_from_json(data: Mapping[str, Any]) -> OpenIncident:
    """What `open_incident_json` gave, of this release or of one that kept less of what was told."""
    incident = incident_from_json(data["incident"])
    told = incident_from_json(data["told"]) if "told" in data else _told_before(incident, data)
    lost = {ConditionKey(Target.parse(target), rule): Why(why) for target, rule, why in data.get("lost", ())}
    return OpenIncident(incident, told, data["told_ms"], data.get("worse_ms"), lost)


def _told_before(incident: Incident, data: Mapping[str, Any]) -> Incident:
    """What a release had told that kept its level, certainty, places and their levels: of those that still stand."""
    levels = {
        Target.of_channel(target) if isinstance(target, int) else Target.parse(target): Level(level)
        for target, level in data["told_evidence"]
    }
    evidence = [replace(e, level=levels[e.key.target]) for e in incident.evidence if e.key.target in levels]
    certainty = Certainty(data.get("told_certainty", incident.certainty))  # 0.1 did not store it
    return replace(incident, level=Level(data["told_level"]), certainty=certainty, evidence=tuple(evidence))


def zone_names_json(names: Mapping[str, str], incidents: Iterable[Incident]) -> dict[str, Any]:
    """The names of the zones that incidents are of, for a catalogue that has them no longer. names: of all, by id."""
    zones = sorted({zone for i in incidents for zone in i.zones or (i.zone,) if zone in names})
    of = {zone: NameText.of(names[zone]) for zone in zones}
    return {zone: dict(name.languages) or str(name) for zone, name in of.items()}


def zone_names_from_json(data: Mapping[str, Any]) -> dict[str, NameText]:
    """What `zone_names_json` gave."""
    return {zone: NameText.of(name) for zone, name in data.items()}


def mute_json(m: Mute) -> dict[str, str]:
    """What the API and the commands tell of a mute. Times: RFC 3339, UTC."""
    return {
        "target": m.target.text,
        "until": iso(m.until_ms),
        "reason": m.reason,
        "who": m.who,
        "at": iso(m.at_ms),
    }


def aside_json(state: IncidentState) -> list[dict[str, Any]]:
    """What the ledger keeps of conditions that are set aside."""
    return [
        {"target": key.target.text, "rule": key.rule, "level": a.level.value, "value": a.value}
        for key, a in sorted(state.aside.items())
    ]


def aside_from_json(data: Iterable[Mapping[str, Any]]) -> dict[ConditionKey, Aside]:
    """What `aside_json` gave."""
    return {ConditionKey(Target.parse(a["target"]), a["rule"]): Aside(Level(a["level"]), a["value"]) for a in data}


def blind_json(state: BlindState) -> dict[str, Any]:
    """What the ledger keeps of blind zones, but for the conditions that say which are."""
    notices = [
        {
            "simulated": simulated,
            "incident": incident_json(n.incident),
            "told": incident_json(n.told),
            "told_ms": n.told_ms,
        }
        for simulated, n in state.notices.items()
    ]
    return {
        "notices": notices,
        "ended": sorted(state.ended),
        "seen_ms": dict(state.seen_ms),
        "awake_ms": state.awake_ms,
    }


def blind_from_json(data: Mapping[str, Any]) -> BlindState:
    """What `blind_json` gave; of a release that knew of no blind zones, the initial state."""
    notices = {
        bool(n["simulated"]): Notice(incident_from_json(n["incident"]), incident_from_json(n["told"]), n["told_ms"])
        for n in data.get("notices", ())
    }
    return BlindState(notices, set(data.get("ended", ())), dict(data.get("seen_ms", {})), data.get("awake_ms", 0))
