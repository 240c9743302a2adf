"""Where records go: one file or folder per driver."""
