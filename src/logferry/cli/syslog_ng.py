"""
The drop-in ``syslog-ng``: the original's options on our daemon.

Modes: ``--version``, ``--syntax-only``, ``--preprocess-into``, ``--config-id``, and
running, which goes into the background unless ``--foreground`` says otherwise; the
process that was started then waits until the daemon runs, and fails when it does not.
Paths are used exactly as given. Errors of the command line and of the configuration
give exit status 1, what cannot be initialised 2.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from logferry import __version__
from logferry.cli import paths

__all__ = ["main"]

_CONFIG_VERSION = "4.27"
_VERSION = f"""\
syslog-ng 4 (4.27.0, logferry {__version__})
Config version: {_CONFIG_VERSION}
Installer-Version: 4.27.0
Revision: logferry-{__version__}
Module-Directory:
Module-Path:
Include-Path:
Available-Modules: built-in
Enable-Debug: off
Enable-GProf: off
Enable-Memtrace: off
Enable-Stackdump: off
Enable-IPv6: on
Enable-Spoof-Source: off
Enable-TCP-Wrapper: off
Enable-Linux-Caps: off
Enable-Systemd: on
Enable-Filterx-Jit: off
"""

# Accepted, with nothing to do here: no capabilities are kept, no modules loaded.
_FLAGS = ("--no-caps", "--no-module-discovery", "--seed", "--force-quickstart")
_VALUES = ("--caps", "--module-path", "--worker-threads", "--log-level")


class _Parser(argparse.ArgumentParser):
    """Fails in the original's way: exit status 1."""

    def error(self, message: str) -> NoReturn:
        """Report wrong use."""
        sys.stderr.write(f"Error parsing command line arguments: {message}\n")
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="syslog-ng", allow_abbrev=False)
    add = parser.add_argument
    add("-V", "--version", action="store_true", help="display version number")
    add("-f", "--cfgfile", default=paths.CONFIG_FILE, help="configuration file")
    add("-R", "--persist-file", default=paths.PERSIST_FILE, help="state file")
    add("-c", "--control", default=paths.CONTROL_SOCKET, help="control socket")
    add("-p", "--pidfile", default=paths.PID_FILE, help="pid file")
    add("-s", "--syntax-only", action="store_true", help="only check the file")
    add("-Q", "--preprocess-into", metavar="FILE", help="write the expanded file")
    add("--metrics-registry", action="store_true", help="print the counters' names")
    add("--config-id", action="store_true", help="print the configuration's id")
    add("--check-startup", action="store_true", help="start, then exit")
    add("-F", "--foreground", action="store_true", help="do not go background")
    add("-e", "--stderr", action="store_true", help="log to stderr (always done)")
    add("-v", "--verbose", action="store_true", help="say more")
    add("-d", "--debug", action="store_true", help="say much more")
    add("-t", "--trace", action="store_true", help="say everything")
    add("-r", "--startup-debug", action="store_true", help="debug while starting")
    add("-i", "--interactive", action="store_true", help="not available")
    add("-u", "--user", default="", help="become this user after binding")
    add("-g", "--group", default="", help="become this group after binding")
    add("-C", "--chroot", default="", help="confine the daemon to this folder")
    add("--enable-core", action="store_true", help="allow core files")
    add("--fd-limit", type=int, default=0, help="open files allowed")
    for name in _FLAGS:
        add(name, action="store_true", help=argparse.SUPPRESS)
    for name in _VALUES:
        add(name, help=argparse.SUPPRESS)
    add("--process-mode", default="", help=argparse.SUPPRESS)
    add("-L", dest="log_level", help="default, verbose, debug or trace")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return the exit status."""
    options = _parser().parse_args(arguments)
    if options.version:
        sys.stdout.write(_VERSION)
        return 0
    if options.metrics_registry:
        from logferry.telemetry.names import METRIC_NAMES

        sys.stdout.writelines(f"syslogng_{name}\n" for name in METRIC_NAMES)
        return 0
    if options.interactive:
        sys.stderr.write("syslog-ng: there is no interactive mode here\n")
        return 1
    if options.preprocess_into or options.config_id:
        return _preprocess(options)
    if options.syntax_only:
        from logferry.cli.check import check  # late: --version needs none of it
        from logferry.config.lint import RULES

        # Advice is for `logferry check`; scripts take what is said here for trouble.
        return check(Path(options.cfgfile), RULES.keys())
    return _run(options)


def _preprocess(options: argparse.Namespace) -> int:
    """Write the expanded configuration, or print its id."""
    import os

    from logferry.config.load import load_configuration
    from logferry.config.report import render_diagnostics
    from logferry.daemon.commands import configuration_id
    from logferry.daemon.registry import default_registry
    from logferry.errors import ConfigError

    try:
        configuration, _ = load_configuration(
            Path(options.cfgfile), default_registry(), os.environ
        )
        if options.config_id:
            sys.stdout.write(configuration_id(configuration) + "\n")
            return 0
        # It has the passwords in it, and need not be read by others to be used.
        path = Path(options.preprocess_into)
        path.touch(mode=0o600)
        path.write_text(configuration.text, encoding="utf-8", errors="surrogateescape")
    except ConfigError as error:
        sys.stderr.write(render_diagnostics(error.diagnostics))
        return 1
    except OSError as error:
        sys.stderr.write(f"{options.preprocess_into}: {error.strerror}\n")
        return 1
    return 0


def _run(options: argparse.Namespace) -> int:
    from logferry.cli.background import run_in_background
    from logferry.cli.run import run_daemon
    from logferry.daemon.process import DaemonOptions

    persist_file = Path(options.persist_file)
    daemon_options = DaemonOptions(
        config_file=Path(options.cfgfile),
        state_dir=persist_file.parent,
        persist_file=persist_file,
        pid_file=options.pidfile,
        control=options.control,
        user=options.user,
        group=options.group,
        chroot=options.chroot,
        open_files_max=options.fd_limit,
        dumps_core=options.enable_core,
        is_startup_check=options.check_startup,
        is_startup_debugged=options.startup_debug,
    )
    level = _level(options)
    if options.foreground or options.process_mode == "foreground":
        return run_daemon(daemon_options, level)
    return run_in_background(
        lambda on_ready: run_daemon(daemon_options, level, on_ready)
    )


def _level(options: argparse.Namespace) -> str:
    for name in ("trace", "debug", "verbose"):
        if getattr(options, name):
            return name
    return options.log_level or "default"


if __name__ == "__main__":
    sys.exit(main())
