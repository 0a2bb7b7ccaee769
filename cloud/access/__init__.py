"""Who may do what: keys for machines, sessions for people, scopes for both."""
