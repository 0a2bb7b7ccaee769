"""What edge and cloud agree on: data, what a flag means, what an alarm means. No I/O."""
