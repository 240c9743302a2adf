"""Pure decisions: where to connect, what to retry, when to wait."""
