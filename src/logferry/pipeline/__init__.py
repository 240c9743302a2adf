"""Log paths as data, then as one generated function per source."""
