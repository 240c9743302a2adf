"""
Answers of several workers as one: what the control socket of a crew says.

Counters are added up. Other answers are given once when all workers agree, and under
the number of each worker when they do not.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["merge_answers"]

_LARGEST = (
    *(
        "_latency_seconds",
        "_age_seconds",
        "timestamp_seconds",
        "stats_level",
        ";stamp",
        ".stamp",
    ),
    *("msg_size_max", "msg_size_avg", "batch_size_max", "batch_size_avg"),
)
"""Series of which the largest counts, not the sum."""


def merge_answers(command: str, words: Sequence[str], answers: Sequence[str]) -> str:
    """
    Return one answer to ``command`` for those of all workers, the first one's first.

    ``answers`` come without the final dot.
    """
    failures = [answer for answer in answers if answer.startswith("FAIL")]
    if failures:
        return failures[0]
    kind = words[0].upper() if words else ""
    match command:
        case "STATS" if kind == "PROMETHEUS":
            return _add_up(answers, " ")
        case "STATS":
            return _add_up(answers, ";")
        case "HEALTHCHECK":
            return _add_up(answers, " ")
        case "QUERY" if kind.startswith("GET_SUM"):
            return _sum_of_sums(answers)
        case "QUERY" if kind.startswith("GET"):
            return _add_up(answers, "=")
        case "QUERY":
            return _union(answers)
    if len(set(answers)) == 1:
        return answers[0]
    return "\n".join(
        f"worker {index}:\n{answer.rstrip()}" for index, answer in enumerate(answers)
    )


def _add_up(answers: Sequence[str], separator: str) -> str:
    """Add numbers behind the last ``separator`` of lines that are equal before it."""
    sums: dict[str, float | None] = {}
    for answer in answers:
        for line in answer.splitlines():
            name, found, number = line.rpartition(separator)
            value = _number(number) if found else None
            if value is None:
                sums.setdefault(line, None)
            elif _is_largest(name):
                sums[name] = max(sums.get(name) or 0, value)
            else:
                sums[name] = (sums.get(name) or 0) + value
    return "".join(
        f"{name}\n" if value is None else f"{name}{separator}{value!r}\n"
        for name, value in sums.items()
    )


def _is_largest(name: str) -> bool:
    series = name.partition("{")[0]
    if series.endswith(("_bucket", "_sum", "_count")):
        return False
    return any(part in name for part in _LARGEST)


def _number(text: str) -> float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def _sum_of_sums(answers: Sequence[str]) -> str:
    rest: list[str] = []
    total: float = 0
    for answer in answers:
        first, *rest = answer.splitlines() or ["0"]
        total += _number(first) or 0
    return "\n".join([repr(total), *rest]) + "\n"


def _union(answers: Sequence[str]) -> str:
    lines = dict.fromkeys(line for answer in answers for line in answer.splitlines())
    return "".join(f"{line}\n" for line in lines)
