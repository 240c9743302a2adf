"""Where messages come from: one file or folder per driver."""
