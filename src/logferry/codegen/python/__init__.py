"""Python code of the configuration: its classes, and how they see messages."""
