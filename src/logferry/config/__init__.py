"""The configuration language: text in, typed options and log paths out."""
