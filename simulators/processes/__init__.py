"""Programs started as children, ours and others', and what they need: ports, identities, a client that asks."""
