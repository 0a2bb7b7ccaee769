"""The second promise by seeds: what the cloud says of water whose truth is known."""
