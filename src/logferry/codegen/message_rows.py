"""
Messages made from the rows of canonical lines, for the form that needs messages.

A canonical line reads the same whether the regular expression or the parser takes it
apart (``layout.py``), and the former is many times cheaper. So also this form asks the
parser only about lines that are odd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.codegen.line_dates import IsoStamps, ReceivedAt, bind_bsd_stamps
from logferry.codegen.macros import MacroContext
from logferry.message.model import Message
from logferry.syslog.rfc5424 import read_sdata

if TYPE_CHECKING:
    from logferry.codegen.emit import SourceWriter
    from logferry.codegen.line_fields import LineFields

__all__ = ["MessageRows"]


class MessageRows:
    """
    Writes what makes the message ``m`` of a row.

    Everything the row has to capture is asked for here, so that the loop over rows
    can be written before its body.
    """

    def __init__(self, fields: LineFields) -> None:
        self._fields = fields
        bind = fields.constants.bind
        self._new = bind(Message, "Message")
        received_at = bind(ReceivedAt(fields.zone), "received_at")
        fields.setup["received"] = f"{received_at}(now)"
        self._attributes = {
            "msgformat": fields.value("MSGFORMAT"),
            "pri": self._pri(),
            "host": fields.value("HOST"),
            "program": fields.value("PROGRAM"),
            "pid": fields.value("PID"),
            "message": fields.value("MESSAGE"),
        }
        self._sdata = ""
        self._stamp = self._stamp_code()
        if fields.has_sdata:
            self._attributes["msgid"] = fields.value("MSGID")
            self._sdata = fields.field("sdata")
        elif fields.header_is_kept:
            (header,) = fields.macro("LEGACY_MSGHDR", MacroContext())
            assert header.run is not None
            self._attributes["header"] = fields.run(*header.run)
        self._values = {
            name: variable
            for name, variable in fields.changed.items()
            if name not in {"HOST", "PROGRAM", "PID", "MESSAGE", "MSGID"}
        }
        if "MSGID" in fields.changed:
            self._attributes["msgid"] = fields.changed["MSGID"]

    def _pri(self) -> str:
        fields = self._fields
        if not fields.layout.has("pri"):
            return str(fields.reception.default_pri)
        numbers = fields.constants.bind(_Numbers(), "pri_number_of")
        return f"{numbers}[{fields.field('pri')}]"

    def _stamp_code(self) -> str:
        fields = self._fields
        if not fields.has_stamp:
            return "received"
        if not fields.has_sdata:
            return f"{bind_bsd_stamps(fields)}[{fields.field('stamp')}]"
        stamps = fields.constants.bind(IsoStamps(), "stamp_of")
        parts = (fields.field(name) for name in ("seconds", "fraction", "offset"))
        return f"{stamps}({', '.join(parts)})"

    def write(self, out: SourceWriter) -> None:
        """Write the statements."""
        reception = self._fields.reception
        out.line(f"m = {self._new}(origin, {self._stamp}, received)")
        for name, code in self._attributes.items():
            out.line(f"m.{name} = {code}")
        if reception.tags:
            out.line(f"m.tags.extend({self._fields.value_of_tags()})")
        with out.block("if origin.values:"):
            out.line("m.values.update(origin.values)")
        if self._sdata:
            read = self._fields.constants.bind(read_sdata, "read_sdata")
            prefix = self._fields.constants.bind(reception.sdata_prefix, "sdata_prefix")
            with out.block(f'if {self._sdata} != b"-":'):
                out.line(f"{read}(m, {self._sdata}, 0, {prefix})")
        for name, variable in self._values.items():
            key = self._fields.constants.bind(name, f"name_{name.strip('.')}")
            out.line(f"m.values[{key}] = {variable}")


class _Numbers(dict[bytes, int]):
    """Numbers by their text: there are a thousand PRIs."""

    def __missing__(self, text: bytes) -> int:
        number = self[text] = int(text)
        return number
