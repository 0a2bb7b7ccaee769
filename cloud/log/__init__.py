"""The batch log, what it has seen, and decisions. An engine is one module, named in `cloud.log.open`."""
