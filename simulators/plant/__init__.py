"""Devices in the water: instruments, pump controllers and radio nodes, in real bytes."""
