"""Incidents and messages as JSON: one form for the ledger, the API, the page and the consumers. Pure.

`*_json` gives plain values for `json.dumps`; `*_from_json` makes again what it gave, and raises KeyError, ValueError or
TypeError on anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloud.warnings.incidents import OpenIncident
from cloud.warnings.model import Certainty, Evidence, Incident, MessageHead
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.clock import iso
from contract.conditions.state import ConditionState
from contract.conditions.targets import ConditionKey, Target, TargetKind

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
        "level": m.level.value,
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
        "level": i.level.value,
        "peak_level": i.peak_level.value,
        "certainty": i.certainty.value,
        "opened_ms": i.opened_ms,
        "updated_ms": i.updated_ms,
        "closed_ms": i.closed_ms,
        "evidence": [evidence_json(e) for e in i.evidence],
    }


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
    }


def incident_from_json(data: Mapping[str, Any]) -> Incident:
    """What `incident_json` gave, of this release or of one in which evidence was of a depth at a channel only."""
    evidence = tuple(map(evidence_from_json, data["evidence"]))
    return Incident(
        data["id"],
        data["zone"],
        Level(data["level"]),
        Level(data["peak_level"]),
        Certainty(data["certainty"]),
        data["opened_ms"],
        data["updated_ms"],
        data["closed_ms"],
        evidence,
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
    )


def _target_json(target: Target) -> int | str:
    """A channel goes by its number alone, as in releases in which there were no other targets."""
    return target.id if target.kind is TargetKind.CHANNEL else target.text


def open_incident_json(o: OpenIncident) -> dict[str, Any]:
    """What the ledger keeps of an open incident."""
    return {
        "incident": incident_json(o.incident),
        "told_ms": o.sent_ms,
        "told_level": o.sent_level.value,
        "told_evidence": [[_target_json(target), level] for target, level in o.sent_evidence],
        "told_certainty": o.sent_certainty.value,
    }


def open_incident_from_json(data: Mapping[str, Any]) -> OpenIncident:
    """What `open_incident_json` gave."""
    incident = incident_from_json(data["incident"])
    evidence = tuple(
        (Target.of_channel(target) if isinstance(target, int) else Target.parse(target), Level(level).value)
        for target, level in data["told_evidence"]
    )
    certainty = Certainty(data.get("told_certainty", incident.certainty))  # 0.1 did not store it
    return OpenIncident(incident, data["told_ms"], Level(data["told_level"]), evidence, certainty)
