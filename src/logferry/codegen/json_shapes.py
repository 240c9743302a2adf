r"""
``format-json`` over messages, by the shape of the message.

Messages of one kind have the same names, the same types and the same empty fields.
For such a *shape* everything about the object is known but the values: which keys
there are, their order and nesting, where quotes stand. So a shape is a format, such as
``{"user":"%b","port":%b}``, and the object is one ``FORMAT % values``.

A value may be copied between quotes if JSON escapes nothing in it. One look at all
texts together proves that for most messages; where it does not, each text is looked
at. Numbers and words are written anew from what they mean, and remembered. Whatever
needs a decision (bytes that are no UTF-8, a value that is not of its type) raises
``ValueError``: then the message is for the general form in ``json_format.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import orjson

from logferry.codegen.emit import Constants, SourceWriter, compile_source
from logferry.codegen.fields import MessageFields
from logferry.codegen.macros import macro_function
from logferry.codegen.template_text import Macro, parse_template
from logferry.codegen.templates import emit_parts
from logferry.codegen.typed import (
    JSON_KINDS,
    MACRO_KINDS,
    emit_pair,
    json_value,
    static_kind,
)

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.codegen.value_pairs import ValuePairs
    from logferry.message.model import Message

__all__ = ["ObjectShape", "ShapedObjects", "object_tree"]

_ESCAPED: Final = bytes(range(32)) + b'"\\'
_BETWEEN: Final = b"\x7f"
"""Between texts: never escaped, and halves of letters beside it stay halves."""

_SHAPES_MAX: Final = 4096
_MEMO_MAX: Final = 4096
_MEMO_TEXT_MAX: Final = 64  # longer texts hardly repeat

_ZERO: Final = ord("0")  # at the beginning of a number: not as JSON writes it
_INT_DIGITS: Final = 18  # so many are less than 64 bits

_Key = tuple[object, ...]
_Read = Callable[["Message"], tuple[_Key, tuple[Any, ...]]]


class _Texts(dict[bytes, bytes]):
    """JSON by the text of a value, of one type."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def __missing__(self, value: bytes) -> bytes:
        text = orjson.dumps(json_value(value, self._kind))
        if len(value) <= _MEMO_TEXT_MAX:
            if len(self) >= _MEMO_MAX:
                self.clear()
            self[value] = text
        return text


@dataclass(frozen=True, slots=True)
class _Column:
    """
    A macro or an explicit pair.

    Attributes:
        kind: its type; ``None``: the code gives value and type.
        counts_type: whether the type decides how it is printed.
        is_kept: it is printed also when it is empty.

    """

    key: str
    code: str
    kind: str | None
    counts_type: bool
    is_kept: bool = False
    is_explicit: bool = False

    @property
    def may_be_missing(self) -> bool:
        """Whether it may be left out; what is looked up by PRI or date is there."""
        return not self.is_kept and not self.code.endswith(
            ("_of[m.pri]", "_of[m.stamp]")
        )


class ObjectShape:
    """
    The format of one shape, and which values go where.

    Args:
        found: the index of its value for each key.
        kinds: the type of each value; the empty one is a string.
        delimiter: nests keys; none for flat objects.
        converters: what writes values with types, to be shared by shapes.

    """

    __slots__ = (
        "_format",
        "_int_text",
        "_ints",
        "_pick",
        "_pick_texts",
        "_texts",
        "_typed",
    )

    def __init__(
        self,
        found: Mapping[str, int],
        kinds: Sequence[str],
        delimiter: str,
        converters: dict[str, _Texts],
    ) -> None:
        order: list[int] = []
        kinds = [kind if kind in JSON_KINDS else "" for kind in kinds]
        tree = object_tree(sorted(found.items(), reverse=True), delimiter)
        self._format = _format_of(tree, kinds, order).encode()
        self._texts = [index for index in order if not kinds[index]]
        self._pick_texts = _picker(self._texts)
        self._pick = _picker(order)
        self._typed = tuple(
            (index, converters.setdefault(kinds[index], _Texts(kinds[index])))
            for index in order
            if kinds[index] and kinds[index] != "int"
        )
        self._ints = [index for index in order if kinds[index] == "int"]
        self._int_text = converters.setdefault("int", _Texts("int"))

    def dump(self, values: tuple[Any, ...]) -> bytes:
        """Return the object. Raises ``ValueError`` for what needs a decision."""
        texts = self._pick_texts(values)
        joined = _BETWEEN.join(texts)
        if not joined.isascii():
            joined.decode()
        if len(joined.translate(None, _ESCAPED)) != len(joined):
            texts = _escaped(texts, joined)
        if not self._typed and not self._ints:
            return self._format % texts
        changed = [*values]
        for index, text in zip(self._texts, texts, strict=True):
            changed[index] = text
        for index in self._ints:
            value = values[index]
            if not value.isdigit() or value[0] == _ZERO or len(value) > _INT_DIGITS:
                changed[index] = self._int_text[value]
        for index, text_of in self._typed:
            changed[index] = text_of[values[index]]
        return self._format % self._pick(changed)


def _escaped(texts: tuple[bytes, ...], joined: bytes) -> tuple[bytes, ...]:
    """Return ``texts`` as they stand in JSON, in one go where it can be."""
    if joined.count(_BETWEEN) == len(texts) - 1:
        return tuple(orjson.dumps(joined.decode())[1:-1].split(_BETWEEN))
    return tuple(orjson.dumps(text.decode())[1:-1] for text in texts)


def _picker(indexes: list[int]) -> Callable[[Sequence[bytes]], tuple[bytes, ...]]:
    if len(indexes) > 1:
        return itemgetter(*indexes)
    if indexes:
        index = indexes[0]
        return lambda values: (values[index],)
    return lambda _: ()


def _format_of(node: Any, kinds: Sequence[str], order: list[int]) -> str:
    """Return the format of a tree; its leaves are indexes of values."""
    if isinstance(node, int):
        order.append(node)
        return "%b" if kinds[node] else '"%b"'
    parts = []
    for name, child in node.items():
        key = orjson.dumps(name).decode().replace("%", "%%")
        parts.append(f"{key}:{_format_of(child, kinds, order)}")
    return "{" + ",".join(parts) + "}"


class ShapedObjects:
    """
    Makes objects of messages.

    Args:
        pairs: what is selected.
        context: of macros and templates.
        key_of: the key of a name-value pair as it is printed, ``None`` to leave it out.
        delimiter: nests keys; none for flat objects.

    """

    def __init__(
        self,
        pairs: ValuePairs,
        context: MacroContext,
        key_of: Callable[[str], str | None],
        printed: Callable[[str], str],
        delimiter: str,
    ) -> None:
        self._is_typed = pairs.casts and context.is_typed
        self._omits_empty = pairs.omits_empty
        self._key_of = key_of
        self._delimiter = delimiter
        self._shapes: dict[_Key, ObjectShape] = {}
        self._converters: dict[str, _Texts] = {}
        constants = Constants()
        constants.values |= dict.fromkeys(("m", "shape", "values"))  # are variables
        fields = MessageFields(constants, context)
        self._columns = [
            *_macro_columns(pairs, fields, context, printed),
            *_pair_columns(pairs, fields, context, printed),
        ]
        self._read = _reader(
            self._columns,
            constants,
            is_typed=self._is_typed,
            omits_empty=self._omits_empty,
        )

    def __call__(self, message: Message) -> bytes:
        """Return the object. Raises ``ValueError`` for what needs a decision."""
        key, values = self._read(message)
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= _SHAPES_MAX:
                self._shapes.clear()
            shape = self._shapes[key] = self._new_shape(key, message)
        return shape.dump(values)

    def _new_shape(self, key: _Key, message: Message) -> ObjectShape:
        """Return the shape of ``message``; ``key`` begins with what columns say."""
        said = iter(key)
        kinds: list[str] = []
        found: dict[str, int] = {}
        explicit: dict[str, int] = {}
        for index, column in enumerate(self._columns):
            kind = column.kind if column.kind is not None else str(next(said))
            kinds.append(kind if column.counts_type else "")
            if not column.may_be_missing or next(said) is False:
                (explicit if column.is_explicit else found)[column.key] = index
        for index, (name, value) in enumerate(message.values.items(), len(kinds)):
            kinds.append(message.types.get(name, "") if self._is_typed else "")
            printed = self._key_of(name)
            if printed is not None and (value or not self._omits_empty):
                found[printed] = index
        found |= explicit
        return ObjectShape(found, kinds, self._delimiter, self._converters)


def _macro_columns(
    pairs: ValuePairs,
    fields: MessageFields,
    context: MacroContext,
    printed: Callable[[str], str],
) -> Iterator[_Column]:
    """Yield the macros; an empty one is no field."""
    for name in pairs.static_names():
        if macro_function(name, context) is None:
            continue
        code = emit_parts((Macro(name),), fields, context)
        kind = MACRO_KINDS.get(name, "")
        yield _Column(
            printed(pairs.key_of(name)),
            code,
            kind if context.is_typed else "",
            counts_type=pairs.casts,
        )


def _pair_columns(
    pairs: ValuePairs,
    fields: MessageFields,
    context: MacroContext,
    printed: Callable[[str], str],
) -> Iterator[_Column]:
    """Yield explicit pairs, which may be empty."""
    for pair in pairs.pairs:
        parts = parse_template(pair.template)
        kind = static_kind(parts, pair.hint, fields, context)
        code = (
            emit_parts(parts, fields, context)
            if kind is not None
            else emit_pair(parts, pair.hint, fields, context)
        )
        yield _Column(
            printed(pairs.key_of(pair.key)),
            code,
            kind,
            counts_type=pairs.casts or bool(pair.hint),
            is_kept=not pairs.omits_empty,
            is_explicit=True,
        )


def _reader(
    columns: Sequence[_Column],
    constants: Constants,
    *,
    is_typed: bool,
    omits_empty: bool,
) -> _Read:
    """
    Return a function that gives a message's shape and its values.

    The shape is what the columns say (a type that is known only now; whether it is
    empty), then the names, and what else there is to say about their values.
    """
    out = SourceWriter()
    key: list[str] = []
    with out.block("def read(m):"):
        for index, column in enumerate(columns):
            value = f"value_{index}"
            if column.kind is None:
                out.line(f"{value}, kind_{index} = {column.code}")
                key.append(f"kind_{index}")
            else:
                out.line(f"{value} = {column.code}")
            if column.may_be_missing:
                key.append(f"not {value}")
        out.line("values = m.values")
        out.line(f"shape = ({', '.join([*key, '*values'])},)")
        if omits_empty:
            out.line("shape += tuple(map(bool, values.values()))")
        if is_typed:
            with out.block("if m.types:"):
                out.line("shape += (None, *m.types, *m.types.values())")
        names = "".join(f"value_{index}, " for index in range(len(columns)))
        out.line(f"return shape, ({names}*values.values(),)")
    exec(compile_source(out.text, "<values for JSON>"), constants.values)  # noqa: S102 - our own source
    read: _Read = constants.values["read"]
    return read


def object_tree(items: Iterable[tuple[str, Any]], delimiter: str) -> dict[str, Any]:
    """Return the object of keys and values, nested at ``delimiter`` if there is one."""
    if not delimiter:
        return dict(items)
    root: dict[str, Any] = {}
    for name, value in items:
        *path, last = _levels(name, delimiter)
        node = root
        for part in path:
            child = node.get(part)
            if not isinstance(child, dict):
                child = node[part] = {}
            node = child
        inner = node.get(last)
        # A value beside an object of its name goes into it, as in the reference.
        (inner if isinstance(inner, dict) else node)[last] = value
    return root


def _levels(name: str, delimiter: str) -> list[str]:
    """Split at delimiters; those that begin a level belong to it."""
    levels: list[str] = []
    start = 0
    while True:
        position = start
        while name.startswith(delimiter, position):
            position += 1
        end = name.find(delimiter, position)
        if end < 0:
            levels.append(name[start:])
            return levels
        levels.append(name[start:end])
        start = end + 1
        if start == len(name):
            return levels
