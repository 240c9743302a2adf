"""Correlation: messages that wait for others, and what is made of them together."""
