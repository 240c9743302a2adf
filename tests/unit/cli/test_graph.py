"""The drawing of log paths: nothing overlaps, nothing is cut."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest

from helpers.configs import loaded
from helpers.golden import FOLDER
from logferry.cli.graph import draw

SVG = "{http://www.w3.org/2000/svg}"
CHAR = 7.25
"""The widest character of common monospace fonts at 12 pixels."""

LINE = 12.0
RICH = """
source s { network(port(5140)); syslog(port(6010)); };
source t { unix-dgram("/dev/log"); };
filter f { level(err..emerg) and facility(mail) and not program("a-long-name-of-a-program"); };
destination pool { network("a.example" failover(servers("b.example", "c.example"))); };
destination web { http(url("http://a.example/" "http://b.example/")); };
log named { source(s); source(t); filter(f); destination(pool); destination(web);
  junction {
    channel { filter(f); destination(pool); destination(web); flags(final); };
    channel { junction { channel { filter(f); }; channel { rewrite { set-tag("x"); }; }; }; };
  };
  log { filter(f); destination(web); flags(final); };
  log { if (host("a")) { destination(pool); } else { destination(web); }; };
  flags(flow-control, catchall, final);
};
log { flags(fallback); source(t); };
"""


@dataclass(frozen=True)
class Area:
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Area) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: Area) -> bool:
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


def picture(text: str) -> tuple[Area, list[Area], list[tuple[str, Area]]]:
    """Return the whole area, those of boxes, and those of texts."""
    configuration, _ = loaded(text)
    tree = ET.fromstring(draw(configuration))
    whole = Area(0, 0, float(tree.get("width", 0)), float(tree.get("height", 0)))
    boxes = []
    for item in tree.iter(f"{SVG}rect"):
        x, y, width, height = (
            float(item.get(name, 0)) for name in ("x", "y", "width", "height")
        )
        if item.get("class") != "band":
            boxes.append(Area(x, y, x + width, y + height))
    texts = []
    for item in tree.iter(f"{SVG}text"):
        x, y = float(item.get("x", 0)), float(item.get("y", 0))
        words = item.text or ""
        texts.append((words, Area(x, y - LINE, x + len(words) * CHAR, y)))
    return whole, boxes, texts


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(RICH, id="rich"),
        *(
            pytest.param(path.read_text(), id=path.stem)
            for path in sorted(Path(FOLDER, "good").glob("*.conf"))
        ),
    ],
)
def test_nothing_overlaps_and_nothing_is_cut(text: str) -> None:
    whole, boxes, texts = picture(text)
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)
    for one, other in combinations(texts, 2):
        assert not one[1].overlaps(other[1]), (one[0], other[0])
    for area in boxes:
        assert whole.holds(area)
    for words, area in texts:
        assert whole.holds(area), words
        touched = [box for box in boxes if box.overlaps(area)]
        assert all(box.holds(area) for box in touched), words


def test_members_of_pools_have_lines_of_their_own() -> None:
    _, _, texts = picture(RICH)
    words = [text.replace("\u00a0", " ").strip() for text, _ in texts]
    assert words.count("or b.example") == words.count("network(a.example") == 3
    assert words.count("http://b.example/)") == 4


def test_facilities_and_levels_are_words() -> None:
    _, _, texts = picture(RICH)
    assert any("level(emerg..err) and facility(mail)" in text for text, _ in texts)


def test_sources_of_a_path_stand_above_each_other() -> None:
    _, _, texts = picture(RICH)
    places = dict(texts)
    assert places["source s"].left == places["source t"].left
    assert places["source s"].top < places["source t"].top
