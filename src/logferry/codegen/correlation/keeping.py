"""
Contexts as bytes, for the time in which the daemon does not run.

JSON; bytes stand in it as text of the same code points (latin-1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from logferry.codegen.correlation.contexts import Context
from logferry.errors import StateError
from logferry.message.model import Message, Origin, Stamp, UnixNanos

if TYPE_CHECKING:
    from logferry.codegen.correlation.correlator import Correlator
    from logferry.message.batch import Receipt

__all__ = ["dump", "load"]

_VERSION: Final = 1
_TEXTS: Final = (
    "host",
    "program",
    "pid",
    "msgid",
    "message",
    "header",
    "msgformat",
    "raw",
)


def dump(correlator: Correlator, now: UnixNanos) -> bytes:
    """Return all contexts; ``now`` tells one dump from another."""
    contexts = correlator.contexts
    return orjson.dumps(
        {
            "version": _VERSION,
            "at": now,
            "time_s": contexts.time_s,
            "ticked_ns": contexts.ticked_ns,
            "contexts": [
                {
                    "key": [_text(part) for part in context.key],
                    "deadline_s": context.deadline_s,
                    "size": context.size,
                    "messages": [_row(message) for message in context.messages],
                    "memo": correlator.memo_row(context.memo),
                }
                for context in contexts.all()
            ],
        }
    )


def load(correlator: Correlator, data: bytes, receipt: Receipt) -> int:
    """
    Put kept contexts back; they keep ``receipt``. Returns how many there are.

    Raises ``StateError`` when ``data`` cannot be understood.
    """
    contexts = correlator.contexts
    try:
        content: Any = orjson.loads(data)
        if content["version"] != _VERSION:
            raise StateError(f"version {content['version']} is not known")
        found = [
            Context(
                tuple(_bytes(part) for part in row["key"]),
                [_message(message) for message in row["messages"]],
                int(row["deadline_s"]),
                order,
                int(row["size"]),
                memo=correlator.memo_of(row["memo"]),
            )
            for order, row in enumerate(content["contexts"])
        ]
        time_s, ticked_ns = int(content["time_s"]), int(content["ticked_ns"])
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{type(error).__name__}: {error}") from error
    contexts.time_s = max(contexts.time_s, time_s)
    contexts.ticked_ns = max(contexts.ticked_ns, ticked_ns)
    for context in found:
        receipt.keep()
        context.receipts.append(receipt)
        contexts.restore(context)
    return len(found)


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _name(name: str) -> str:
    return _text(name.encode("utf-8", "surrogateescape"))


def _row(message: Message) -> dict[str, Any]:
    origin = message.origin
    row: dict[str, Any] = {name: _text(getattr(message, name)) for name in _TEXTS}
    row |= {
        "pri": message.pri,
        "utf8": message.utf8,
        "stamp": tuple(message.stamp),
        "received": tuple(message.received),
        "values": [
            (_name(name), _text(value), message.types.get(name, ""))
            for name, value in message.values.items()
        ],
        "tags": [_text(tag) for tag in message.tags],
        "origin": {
            "source": _text(origin.source),
            "transport": _text(origin.transport),
            "host": _text(origin.host),
            "peer_ip": _text(origin.peer_ip),
            "local_ip": _text(origin.local_ip),
            "file_name": _text(origin.file_name),
        },
        "ports": (origin.peer_port, origin.local_port, origin.ip_proto),
        "local": origin.local,
    }
    if hasattr(message, "rcptid"):
        row["rcptid"] = message.rcptid
    return row


def _message(row: dict[str, Any]) -> Message:
    peer_port, local_port, ip_proto = row["ports"]
    origin = Origin(
        local=bool(row["local"]),
        peer_port=int(peer_port),
        local_port=int(local_port),
        ip_proto=int(ip_proto),
        **_texts(row["origin"]),
    )
    message = Message(origin, _stamp(row["stamp"]), _stamp(row["received"]))
    for name in _TEXTS:
        setattr(message, name, _bytes(row.get(name, "")))
    message.pri = int(row["pri"])
    message.utf8 = bool(row["utf8"])
    message.tags = [_bytes(tag) for tag in row["tags"]]
    if "rcptid" in row:
        message.rcptid = int(row["rcptid"])
    for text, value, kind in row["values"]:
        name = _bytes(text).decode("utf-8", "surrogateescape")
        message.values[name] = _bytes(value)
        if kind:
            message.types[name] = kind
    return message


def _texts(row: dict[str, str]) -> dict[str, Any]:
    return {name: _bytes(value) for name, value in row.items()}


def _stamp(row: list[int]) -> Stamp:
    unix_ns, offset_s = row
    return Stamp(UnixNanos(int(unix_ns)), int(offset_s))
