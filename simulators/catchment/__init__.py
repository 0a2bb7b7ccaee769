"""The water: EPA SWMM, stepped in a process of its own."""
