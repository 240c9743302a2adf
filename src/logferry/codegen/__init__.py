"""Options become Python source: filters, templates, rewrites, parsers."""
