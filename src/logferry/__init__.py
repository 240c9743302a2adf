"""
logferry forwards logs and survives outages.

It runs syslog-ng and AxoSyslog configurations. See ``ARCHITECTURE.md`` for the
layers; importing this package loads nothing but the version. ``Pipeline`` and
``Handler`` embed it into a Python program (``embed.py``) and are loaded when they are
asked for; type checkers see them in ``__init__.pyi``.
"""

from importlib import import_module

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in {"Handler", "Pipeline"}:
        return getattr(import_module("logferry.embed"), name)
    raise AttributeError(f"module 'logferry' has no attribute '{name}'")
