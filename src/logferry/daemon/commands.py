"""
The commands of the control socket: what each one asks of the daemon.

Names and answers are the reference's; ``POOL``, ``DRAIN``, ``UNDRAIN``, ``SOURCE`` and
``EVENTS`` are our own.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from logferry.daemon import stats
from logferry.daemon.events import VerbosityChanged
from logferry.daemon.moves import after_drain, after_undrain, is_last, objection
from logferry.daemon.named_files import named_files
from logferry.daemon.pool_table import render_pools
from logferry.daemon.queue_table import describe_queue, render_queues
from logferry.daemon.replay import Replay, family_of, find_destination
from logferry.daemon.selflog import Verbosity, stamped
from logferry.destinations.base import Pooled, Single
from logferry.errors import LogferryError, StateError
from logferry.queues.files import owner_of
from logferry.telemetry.events import render
from logferry.telemetry.secrets import mask

if TYPE_CHECKING:
    from logferry.config.nodes import Configuration
    from logferry.daemon.control import Command
    from logferry.daemon.process import Daemon
    from logferry.daemon.retirement import RunningDestination

__all__ = ["Commands", "configuration_id"]

_LAST = "the last server cannot be drained"
_ONE_ONLY = "; nothing was changed, drain SERVER DESTINATION means one destination only"
_BAD_ARGUMENTS = "FAIL Invalid arguments received"


def _number(verbosity: Verbosity) -> int:
    return verbosity.number


def configuration_id(configuration: Configuration) -> str:
    """Return the id that tells one configuration from another."""
    return hashlib.sha256(configuration.text.encode("utf-8", "replace")).hexdigest()


class Commands:
    """Answers commands on behalf of a daemon."""

    METHODS: ClassVar[dict[str, str]] = {
        "STATS": "_stats",
        "RESET_STATS": "_reset_stats",
        "REMOVE_ORPHANED_STATS": "_remove_orphans",
        "QUERY": "_query",
        "STOP": "_stop",
        "RELOAD": "_reload",
        "REOPEN": "_reopen",
        "LOG": "_log_level",
        "CONFIG": "_config",
        "LISTFILES": "_list_files",
        "HEALTHCHECK": "_healthcheck",
        "LICENSE": "_license",
        "PWD": "_credentials",
        "EXPORT_CONFIG_GRAPH": "_graph",
        "QUEUES": "_queues",
        "POOL": "_pool",
        "DRAIN": "_drain",
        "UNDRAIN": "_undrain",
        "SOURCE": "_source",
        "EVENTS": "_events",
        "DEAD-LETTERS": "_dead_letters",
        "QUEUE": "_queue",
    }
    """What answers each command."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def table(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {name: getattr(self, method) for name, method in self.METHODS.items()}

    async def _stats(self, words: list[str]) -> str:
        metrics = self._daemon.environment.metrics
        level = self._daemon.stats_level
        if words and words[0].upper() == "PROMETHEUS":
            with_legacy = "WITH_LEGACY" in words
            return stats.render_prometheus(metrics, level, with_legacy=with_legacy)
        return stats.render_csv(metrics, level)

    async def _reset_stats(self, words: list[str]) -> str:
        del words
        return stats.reset(self._daemon.environment.metrics)

    async def _remove_orphans(self, words: list[str]) -> str:
        del words
        return stats.remove_orphans(self._daemon.environment.metrics)

    async def _query(self, words: list[str]) -> str:
        command = words[0].upper() if words else ""
        if command not in stats.QUERY_COMMANDS:
            return _BAD_ARGUMENTS
        pattern = words[1] if len(words) > 1 else "*"
        return stats.query(self._daemon.environment.metrics, command, pattern)

    async def _stop(self, words: list[str]) -> str:
        del words
        self._daemon.request_stop()
        return "OK Shutdown initiated"

    async def _reload(self, words: list[str]) -> str:
        del words
        problem = await self._daemon.reload()
        if problem:
            return "FAIL Config reload failed, reverted to previous config"
        return "OK Config reload successful"

    async def _reopen(self, words: list[str]) -> str:
        del words
        self._daemon.reopen()
        return "OK Re-open of log destination files initiated"

    async def _log_level(self, words: list[str]) -> str:
        """``LOG LEVEL [name]``, or ``LOG VERBOSE|DEBUG|TRACE [ON|OFF]``."""
        log = self._daemon.log
        match [word.upper() for word in words]:
            case ["LEVEL"]:
                pass
            case ["LEVEL", word] if word.lower() in list(Verbosity):
                log.verbosity = Verbosity(word.lower())
                log.emit(VerbosityChanged(log.verbosity.number))
            case ["VERBOSE" | "DEBUG" | "TRACE" as flag, *rest]:
                level = Verbosity(flag.lower())
                if rest == ["ON"]:
                    log.verbosity = max(log.verbosity, level, key=_number)
                elif rest == ["OFF"]:
                    below = list(Verbosity)[level.number - 1]
                    log.verbosity = min(log.verbosity, below, key=_number)
                elif rest:
                    return _BAD_ARGUMENTS
                return f"OK {flag}={int(log.verbosity.number >= level.number)}"
            case _:
                return _BAD_ARGUMENTS
        return f"OK syslog-ng log level set to {log.verbosity.number}"

    async def _config(self, words: list[str]) -> str:
        configuration = self._daemon.configuration
        match " ".join(words).upper():
            case "ID":
                return configuration_id(configuration)
            case "VERIFY":
                if self._daemon.is_configuration_current():
                    return "OK Configuration file matches active configuration"
                return "FAIL Configuration file does not match active configuration"
            case "GET ORIGINAL":
                return mask(configuration.original)
            case "GET PREPROCESSED":
                return mask(configuration.text)
        return _BAD_ARGUMENTS

    async def _list_files(self, words: list[str]) -> str:
        del words
        files = named_files(self._daemon.configuration, self._daemon.running_specs())
        return "\n".join(f"{kind}: {path}" for kind, path in files)

    async def _credentials(self, words: list[str]) -> str:
        """``PWD add KEYFILE PASSPHRASE``, ``PWD status``."""
        credentials = self._daemon.environment.credentials
        match words:
            case ["status"]:
                rows = [f"{key}\t{state}" for key, state in credentials.report()]
                return "\n".join(["OK Credential storage status follows", *rows])
            case ["add", key, *rest] if rest:
                credentials.add(key, " ".join(rest))
                return "OK Credentials stored successfully"
        return _BAD_ARGUMENTS

    async def _graph(self, words: list[str]) -> str:
        from logferry.daemon.dot import render_dot  # late: few ever ask for it

        del words
        return render_dot(self._daemon.configuration)

    async def _queues(self, words: list[str]) -> str:
        drivers = {item.queue_name: item.spec.id for item in self._running()}
        growth = self._daemon.queue_growth()
        rows = [
            describe_queue(name, drivers.get(name, ""), queue, growth.get(name))
            for name, queue in self._daemon.queues
        ]
        running = self._daemon.running_destinations()
        now = self._daemon.environment.clock()
        for row in rows:
            found: object = running.get(row["destination"])
            if isinstance(found, Pooled):
                state = found.describe(now)
                row["state"] = state["state"]
                row["why"] = "" if state["state"] == "up" else state["reason"]
            elif isinstance(found, Single):
                row["state"] = "failing" if found.trouble else "up"
                row["why"] = found.trouble
        return json.dumps(rows) if "--json" in words else render_queues(rows)

    async def _healthcheck(self, words: list[str]) -> str:
        del words
        latency_s = await self._daemon.loop_latency()
        return (
            f"syslogng_io_worker_latency_seconds {latency_s!r}\n"
            f"syslogng_mainloop_io_worker_roundtrip_latency_seconds {latency_s!r}\n"
        )

    async def _license(self, words: list[str]) -> str:
        del words
        return "You are using logferry, which is open source (Apache-2.0)."

    # -- our own ----------------------------------------------------------------

    def _pools(self) -> dict[str, Pooled]:
        running = self._daemon.running_destinations()
        return {
            name: destination
            for name, destination in running.items()
            if isinstance(destination, Pooled)
        }

    async def _pool(self, words: list[str]) -> str:
        now = self._daemon.environment.clock()
        pools: list[dict[str, Any]] = [
            {"destination": name, **destination.describe(now)}
            for name, destination in self._pools().items()
        ]
        if "--json" in words:
            return json.dumps(pools)
        return render_pools(pools)

    async def _drain(self, words: list[str]) -> str:
        """``DRAIN server [destination] [--force]``."""
        is_forced = "--force" in words
        words = [word for word in words if word != "--force"]
        meant = self._holders(words)
        if isinstance(meant, str):
            return meant
        now = self._daemon.environment.clock()
        for name, destination in meant.items():  # before any of them is touched
            state = destination.describe(now)
            if is_last(state, words[0]):
                return f"FAIL {name}: {_LAST}{_ONE_ONLY if len(meant) > 1 else ''}"
            problem = objection(state, words[0])
            if problem and not is_forced:
                return f"FAIL {name}: {problem}"
        done = []
        for name, destination in meant.items():
            try:
                destination.drain(words[0])
            except StateError as error:
                return f"FAIL {name}: {error}"
            done.append(f"{name} ({after_drain(destination.describe(now), words[0])})")
        return f"OK deliveries away from {words[0]}: {', '.join(done)}"

    async def _undrain(self, words: list[str]) -> str:
        """``UNDRAIN server [destination]``."""
        meant = self._holders(words)
        if isinstance(meant, str):
            return meant
        now = self._daemon.environment.clock()
        done = []
        for name, destination in meant.items():
            try:
                destination.undrain(words[0])
            except StateError as error:
                return f"FAIL {name}: {error}"
            next_ = after_undrain(destination.describe(now), words[0])
            done.append(f"{name} ({next_})")
        return f"OK deliveries allowed on {words[0]}: {', '.join(done)}"

    def _holders(self, words: list[str]) -> dict[str, Pooled] | str:
        """Return the destinations meant by ``server [destination]``, or a failure."""
        if not words:
            return "FAIL name a server"
        server, *wanted = words
        found = {
            name: destination
            for name, destination in self._pools().items()
            if name in (wanted or [name]) and server in destination.server_names()
        }
        return found or f"FAIL no destination has a server '{server}'"

    async def _source(self, words: list[str]) -> str:
        """``SOURCE LIST|STOP|START id``: close and open a listener by hand."""
        command = words[0].upper() if words else "LIST"
        if command == "LIST":
            return "\n".join(
                f"{name}: {state}"
                for name, state in self._daemon.source_states().items()
            )
        if len(words) < 2 or command not in {"STOP", "START"}:
            return "FAIL say source list, source stop NAME or source start NAME"
        try:
            await self._daemon.switch_source(words[1], is_on=command == "START")
        except LogferryError as error:
            return f"FAIL {error}"
        return f"OK source {words[1]} {'started' if command == 'START' else 'stopped'}"

    async def _dead_letters(self, words: list[str]) -> str:
        """``DEAD-LETTERS REPLAY ALL|id,id… [destination]``."""
        if len(words) < 2 or words[0].upper() != "REPLAY":
            return "FAIL say dead-letters replay all, or ids with commas between"
        ids = None
        if words[1].upper() != "ALL":
            if not all(word.isdigit() for word in words[1].split(",")):
                return "FAIL ids are numbers with commas between"
            ids = [int(word) for word in words[1].split(",")]
        target = words[2] if len(words) > 2 else ""
        replay = Replay(self._running(), self._daemon.configuration.options, target)
        try:
            sent, left = await self._daemon.dead_letters.replay(ids, replay.deliver)
        except sqlite3.Error as error:
            return f"FAIL the dead letters cannot be read or written now: {error}"
        if not sent:
            return "FAIL no letter was sent again: " + (
                "its destination is not running, or makes file names of messages"
                if left
                else "there is none"
            )
        return f"OK {sent} sent again, {left} kept"

    async def _queue(self, words: list[str]) -> str:
        """``QUEUE ADOPT FILE DESTINATION``: deliver an abandoned queue file."""
        if len(words) != 3 or words[0].upper() != "ADOPT":
            return "FAIL say queue adopt FILE DESTINATION"
        found = find_destination(self._running(), words[2])
        if found is None:
            return f"FAIL no destination '{words[2]}' is running"
        owned = owner_of(Path(words[1]))
        if owned is not None and family_of(owned[0]) != family_of(found.queue_name):
            return (
                f"FAIL {words[1]}: its messages were rendered for {owned[0]}, which is"
                f" another kind of destination than {found.spec.id}"
            )
        try:
            count = await self._daemon.queues.adopt(
                Path(words[1]), found.destination.push
            )
        except LogferryError as error:
            return f"FAIL {words[1]}: {error}"
        return f"OK {count} messages go to {found.spec.id}"

    def _running(self) -> list[RunningDestination]:
        topology = self._daemon.topology
        return [] if topology is None else list(topology.destinations.values())

    async def _events(self, words: list[str]) -> str:
        """``EVENTS [NUMBER] [--json]``: what was said lately, or the last of it."""
        recent = list(self._daemon.log.recent)
        numbers = [word for word in words if word != "--json"]
        if len(numbers) > 1 or not all(word.isdigit() for word in numbers):
            return "FAIL say events, or events NUMBER for the last of them"
        if numbers:
            recent = recent[max(0, len(recent) - int(numbers[0])) :]
        if "--json" in words:
            return json.dumps(
                [
                    {
                        "time_ns": at,
                        "event": type(event).__name__,
                        "text": event.text,
                        **dict(event.tags()),
                    }
                    for at, event in recent
                ]
            )
        return "\n".join(stamped(at, render(event)) for at, event in recent)
