from __future__ import annotations

import xml.etree.ElementTree as ET

from bench import plot
from bench.report import ratios, spread, table


def test_ratios_are_taken_within_a_round() -> None:
    """The machine was twice as slow in the second round: that says nothing about the servers."""
    rounds = [{"base": 40.0, "ours": 60.0}, {"base": 80.0, "ours": 120.0}]
    assert ratios(rounds, "base") == {"base": [1.0, 1.0], "ours": [1.5, 1.5]}


def test_a_round_without_its_base_gives_no_ratio() -> None:
    assert ratios([{"ours": 60.0}, {"base": 0.0, "ours": 60.0}], "base") == {}


def test_a_spread_is_the_median_between_the_extremes() -> None:
    assert spread([3.0, 1.0, 2.0], 1) == "2.0 (1.0–3.0)"
    assert spread([2.26], 1) == "2.3"
    assert spread([]) == "–"


def test_tables_align() -> None:
    lines = table(("server", "msgs/s"), [("raw", "20000"), ("ours", "1")]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[2] == "| raw    |  20000 |"


def test_plots_are_svg_with_a_mark_for_each_point() -> None:
    points = [(10, [50.0, 52.0]), (1_000, [51.0]), (100_000, [60.0, 58.0])]
    drawn = ET.fromstring(plot.growth("CPU <by> size", "open chats", "µs", points))
    assert len([mark for mark in drawn.iter() if mark.tag.endswith("circle")]) == len(points)
    assert "CPU <by> size" in "".join(drawn.itertext())
    both = plot.shares("Delivery", "ms", [("raw", [0.4, 0.5, 9.0]), ("ours", [0.0, 0.8, 1.2])])
    assert both.count("<polyline") == 2
    assert plot.bars("CPU", "×", [("raw", [1.0]), ("ours", [1.5, 2.0])]).count("<rect") == 3
