"""Warning messages to their consumers: durable, in order, each once for its id. A sink is one module."""
