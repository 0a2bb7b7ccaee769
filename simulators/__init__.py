"""A district that rains, floods and pumps, and devices in it that speak the real protocols."""
