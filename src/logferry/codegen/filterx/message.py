"""Functions of FilterX on the message at hand, and what they need from outside."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from logferry.codegen.filterx.calls import Call, Function, Prepared
from logferry.codegen.filterx.values import (
    UNSET,
    Failure,
    Frozen,
    FrozenList,
    Moment,
    text,
    text_of,
    type_name,
)
from logferry.config.filterx.nodes import Literal
from logferry.message.model import Stamp, UnixNanos
from logferry.message.timestamps import StampFormat
from logferry.syslog.encode import encode_sdata

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["MESSAGE"]

_PRI_MAX = 191
_SDATA = ".SDATA."
_RECHECK_NS = 1_000_000_000
_UUID7_TIME_BITS = 80


def _set_pri(message: Message, value: Any) -> bool:
    if type(value) is not int or not 0 <= value <= _PRI_MAX:
        raise Failure("the priority is an integer from 0 to 191")
    message.pri = value
    return True


# ---------------------------------------------------------------------------
# Structured data


def _get_sdata(message: Message) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, value in message.values.items():
        if name.startswith(_SDATA):
            element, _, parameter = name[len(_SDATA) :].rpartition(".")
            found.setdefault(element or parameter, {})
            if element:
                found[element][parameter] = text(value)
    return found


def _has_sdata(message: Message) -> bool:
    return any(name.startswith(_SDATA) for name in message.values)


def _prepare_enterprise(call: Call) -> Prepared:
    wanted = "@" + call.text(0, "the enterprise")

    def is_sdata_from_enterprise(message: Message) -> bool:
        return any(wanted in name for name in message.values if name.startswith(_SDATA))

    return Prepared(is_sdata_from_enterprise)


_iso = StampFormat("iso", 6)


def _prepare_format_syslog(call: Call) -> Prepared:
    counts = call.flag("add_octet_count")

    def format_syslog_5424(message: Message, body: Any, *fields: Any) -> str:
        pri, moment, *names = fields
        stamp = message.stamp
        if type(moment) is Moment:
            stamp = Stamp(UnixNanos(moment.unix_us * 1000), moment.offset_s or 0)
        shown = text_of(pri) if type(pri) in {int, str} and pri != "" else message.pri
        words = [text_of(name) if name is not None else "" for name in names]
        sdata = text(encode_sdata(message.values, _SDATA)) or "-"
        head = " ".join(word or "-" for word in words)
        when = text(_iso.write(stamp))
        line = f"<{shown}>1 {when} {head} {sdata} {text_of(body)}\n"
        if counts:
            return f"{len(line.encode('utf-8', 'surrogateescape'))} {line}"
        return line

    missing = Literal(None, call.node.span)
    optional = []
    for name in ("pri", "timestamp", "host", "program", "pid", "msgid"):
        option = call.option(name)
        optional.append(missing if option is None else option.value)
    return Prepared(
        format_syslog_5424, (call.positional[0], *optional), is_lenient=True
    )


# ---------------------------------------------------------------------------
# Counters, files, numbers by chance


def _prepare_update_metric(call: Call) -> Prepared:
    metrics = call.context.metrics
    level = call.number_option("level", 0)

    def update_metric(key: Any, labels: Any = UNSET, increment: Any = 1) -> bool:
        if type(key) is not str:
            raise Failure(f"the name of a metric is a string, not {type_name(key)}")
        if type(increment) is not int:
            raise Failure(f"the increment is an integer, not {type_name(increment)}")
        shown: dict[str, str] = {}
        if labels is not UNSET:
            if not isinstance(labels, dict):
                raise Failure(f"labels are a dict, not {type_name(labels)}")
            shown = {
                name: value.encode("utf-8", "surrogateescape").decode(
                    "utf-8", "replace"
                )
                for name, item in labels.items()
                if (value := text_of(item)) and item is not None
            }
        metrics.counter(key, shown, level=level, dynamic=True).add(increment)
        return True

    keywords = {
        name: option.value
        for name in ("labels", "increment")
        if (option := call.option(name)) is not None
    }
    return Prepared(update_metric, (call.positional[0],), keywords)


class _JsonFile:
    """A file that is looked at once a second, by the clock of the batches."""

    def __init__(self, path: str, context: MacroContext) -> None:
        self._path = Path(path)
        self._now = context.now
        self._checked_ns = 0
        self._seen: tuple[int, int] | None = None
        self.value: Any = UNSET

    def load(self) -> str:
        """Read the file if it has changed; return what is wrong."""
        self._checked_ns = self._now[0]
        try:
            state = self._path.stat()
            seen = state.st_mtime_ns, state.st_size
            if seen == self._seen:
                return ""
            self._seen = seen
            self.value = _frozen(orjson.loads(self._path.read_bytes()))
        except (OSError, orjson.JSONDecodeError, RecursionError) as error:
            return str(error)
        return ""

    def current(self) -> Any:
        """Return the last content that could be read."""
        if self._now[0] - self._checked_ns >= _RECHECK_NS:
            self.load()
        return self.value


def _frozen(value: Any) -> Any:
    """Return ``value`` as nobody can change it: one for all messages."""
    if type(value) is dict:
        return Frozen((key, _frozen(item)) for key, item in value.items())
    if type(value) is list:
        return FrozenList(map(_frozen, value))
    return value


def _prepare_cache_json_file(call: Call) -> Prepared:
    file = _JsonFile(call.text(0, "the path"), call.context)
    problem = file.load()
    default = call.option("default_value")
    if problem and default is None:
        call.fail(
            f"cannot read the file: {problem}",
            call.positional[0].span,
            "default_value= would do until it is there",
        )

    def cache_json_file(default_value: Any = UNSET) -> Any:
        value = file.current()
        return default_value if value is UNSET else value

    return Prepared(cache_json_file, () if default is None else (default.value,))


def _prepare_uuid7(call: Call) -> Prepared:
    now = call.context.now

    def uuid7() -> str:
        chance = uuid.uuid4().int
        made = (now[0] // 1_000_000 & (1 << 48) - 1) << _UUID7_TIME_BITS
        made |= 7 << 76 | (chance >> 64 & 0xFFF) << 64
        return str(uuid.UUID(int=made | 0b10 << 62 | chance & (1 << 62) - 1))

    return Prepared(uuid7)


_SYSLOG_OPTIONS = (
    "add_octet_count",
    "pri",
    "timestamp",
    "host",
    "program",
    "pid",
    "msgid",
)

MESSAGE: dict[str, Function] = {
    "set_pri": Function(_set_pri, takes_message=True),
    "get_sdata": Function(_get_sdata, 0, 0, takes_message=True, is_flushed=True),
    "has_sdata": Function(_has_sdata, 0, 0, takes_message=True, is_flushed=True),
    "is_sdata_from_enterprise": Function(
        None, prepare=_prepare_enterprise, takes_message=True, is_flushed=True
    ),
    "format_syslog_5424": Function(
        None,
        1,
        1,
        _SYSLOG_OPTIONS,
        _prepare_format_syslog,
        takes_message=True,
        is_flushed=True,
    ),
    "update_metric": Function(
        None, 1, 1, ("labels", "increment", "level"), _prepare_update_metric
    ),
    "cache_json_file": Function(
        None, 1, 1, ("default_value",), _prepare_cache_json_file, is_fresh=False
    ),
    "uuid": Function(lambda: str(uuid.uuid4()), 0, 0),
    "uuid4": Function(lambda: str(uuid.uuid4()), 0, 0),
    "uuid7": Function(None, 0, 0, prepare=_prepare_uuid7),
}
"""Functions by name."""
