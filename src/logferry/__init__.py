"""
logferry forwards logs and survives outages.

It runs syslog-ng and AxoSyslog configurations. See ``ARCHITECTURE.md`` for the
layers; importing this package loads nothing but the version.
"""

__version__ = "0.1.0"
