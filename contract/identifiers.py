"""The ids of a catalogue: what names districts, gateways, stations, devices and sinks. Pure."""

from __future__ import annotations

# Letters, digits, '-', '_', '.': nothing that means something in a topic of MQTT, a URL's path or a file's name.
ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
