"""The batch log and its engines. An engine is one module with `open_log(folder) -> BatchLog`."""
