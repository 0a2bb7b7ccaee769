"""Foreign bytes <-> values: parsers without I/O."""
