"""What flows: messages, their values and stamps, and batches of records."""
