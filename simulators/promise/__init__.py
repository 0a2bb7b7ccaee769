"""The promise under a virtual clock: real edge and cloud code, real SQLite files, faults from one seed, no sockets."""
