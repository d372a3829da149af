"""What operators watch the house by speaks of metrics that there are, and Prometheus takes what is for it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from chatserver.metrics import KNOWN
from tests.deploy.test_files import DEPLOY, program, run
from tests.harness.server import ROOT

PROMETHEUS = DEPLOY / "prometheus"
DOCS = ROOT / "docs/monitoring.md"
RULES = (PROMETHEUS / "alerts.yml").read_text()
ALERTS = re.split(r"^ +- alert: ", RULES, flags=re.MULTILINE)[1:]
EXPRESSION = re.compile(r" expr: (.*?)\n +(?:for|labels):", re.DOTALL)
# Prometheus itself makes it, for each target.
OF_PROMETHEUS = {"up"}
# Neither drawn nor an alert: for whoever looks for a cause, by a query of their own.
UNWATCHED = {
    "chatserver_build_info": "what runs; it names the nodes above the dashboard",
    "chatserver_frames_total": "what is said is drawn as messages, what is refused as refusals",
    "chatserver_use_cases_total": "the group size times the commits",
    "chatserver_database_bytes": "the room that is left is watched",
    "chatserver_held_up_total": "who was held up is refused, and refusals are drawn by code",
    "chatserver_readers": "a read that waits makes its request slow, not the chats",
    "chatserver_node_rank": "which node does what one of them has to do; none is better",
    "chatserver_beats_missed_total": "a node that missed enough of them is missed itself, and that is watched",
    "chatserver_nodes_buried_total": "as above, said by who noticed",
    "chatserver_caught_up_total": "what Redis did not tell; that it does not is watched",
    "chatserver_redis_reconnects_total": "that Redis is away is watched",
    "chatserver_hints_strange_total": "another installation at the same Redis: it harms nothing",
    "process_open_fds": "each connection is one, and connections are drawn",
    "process_max_fds": "it does not change while a process lives",
}
NO_METRIC = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring"}


def metrics_in(expression: str) -> set[str]:
    """Every name in it that is neither a function, a label nor a word of the language."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]', "", expression)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", "", bare)
    return set(re.findall(r"\b[a-zA-Z_:]\w*\b(?!\s*\()", bare)) - NO_METRIC


def unknown(expression: str) -> set[str]:
    of_histograms = {
        f"{name}_{part}"
        for name, (kind, _) in KNOWN.items()
        if kind == "histogram"
        for part in ("bucket", "sum", "count")
    }
    plain = {name for name, (kind, _) in KNOWN.items() if kind != "histogram"}
    return metrics_in(expression) - plain - of_histograms - OF_PROMETHEUS


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


# — the page ———————————————————————————————————————————————————————————————————


def test_the_page_says_of_every_metric_what_kind_it_is() -> None:
    rows = re.findall(r"^\| `((?:chatserver|process)_\w+)` \| (\w+) \|", DOCS.read_text(), re.MULTILINE)
    assert len(rows) == len(KNOWN)
    assert dict(rows) == {name: kind for name, (kind, _) in KNOWN.items()}


def test_names_are_found_in_an_expression() -> None:
    found = metrics_in('sum by (x) (rate(a_total{y="z"}[5m])) > 0 and on (x) up == 1 or b * (1 - c)')
    assert found == {"a_total", "up", "b", "c"}


# — Prometheus —————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("alert", ALERTS, ids=[alert.split("\n", 1)[0] for alert in ALERTS])
def test_an_alert_asks_for_metrics_that_there_are_and_says_what_to_do(alert: str) -> None:
    expression = EXPRESSION.search(alert)
    assert expression
    assert metrics_in(expression[1])
    assert not unknown(expression[1])
    said = dict(re.findall(r"^ +(summary|description|runbook): (.+)$", alert, re.MULTILINE))
    assert len(said) == 3
    page, _, anchor = said["runbook"].partition("#")
    assert anchor in anchors(ROOT / page)
    assert re.search(r"severity: (page|ticket)$", alert, re.MULTILINE)


def test_every_section_of_the_runbook_is_of_an_alert() -> None:
    runbook = DOCS.read_text().partition("\n## Runbook\n")[2]
    sections = re.findall(r"^### (.+)$", runbook, re.MULTILINE)
    assert {name.lower().replace(" ", "-") for name in sections} == set(
        re.findall(r"#([\w-]+)$", RULES, re.MULTILINE)
    )


def test_promtool_takes_the_alerts() -> None:
    done = run(program("promtool", "prometheus"), "check", "rules", str(PROMETHEUS / "alerts.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_fire_when_they_should() -> None:
    done = run(program("promtool", "prometheus"), "test", "rules", str(PROMETHEUS / "alerts.test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_firing() -> None:
    tried = (PROMETHEUS / "alerts.test.yml").read_text()
    assert [name for alert in ALERTS if (name := alert.split("\n", 1)[0]) not in tried] == []


def test_promtool_takes_the_configuration(tmp_path: Path) -> None:
    promtool = program("promtool", "prometheus")
    shutil.copytree(PROMETHEUS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "chatserver.token").write_text("0123456789abcdef" * 4)
    done = run(promtool, "check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


# — Grafana ————————————————————————————————————————————————————————————————————


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DEPLOY / "grafana/chatserver.json").read_text())
    return read


def area(panel: dict[str, Any]) -> tuple[range, range]:
    at = panel["gridPos"]
    return range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])


def overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop


def variables_in(value: object) -> Iterator[str]:
    yield from re.findall(r"\$\{?([a-z]\w*)", json.dumps(value))


def test_the_dashboard_draws_metrics_that_there_are() -> None:
    drawn = [target for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    assert len(drawn) > 14
    for target in drawn:
        assert metrics_in(target["expr"])
        assert not unknown(target["expr"]), target["expr"]
        assert target["datasource"]["uid"] == "${datasource}"


def test_each_metric_is_drawn_or_an_alert_or_there_is_a_reason_why_not() -> None:
    drawn = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    alerts = [found[1] for alert in ALERTS if (found := EXPRESSION.search(alert))]
    watched = {
        name if name in KNOWN else re.sub("_(bucket|sum|count)$", "", name)
        for expression in (*drawn, *alerts)
        for name in metrics_in(expression)
    }
    assert KNOWN.keys() - watched == UNWATCHED.keys()
    assert all(UNWATCHED.values())


def test_every_figure_of_incoming_mail_is_drawn() -> None:
    drawn = {
        name
        for panel in dashboard()["panels"]
        for target in panel.get("targets", [])
        for name in metrics_in(target["expr"])
    }
    of_mail = {name for name in KNOWN if re.match("chatserver_(mail|incoming|originals)", name)}
    assert len(of_mail) >= 9
    assert of_mail <= drawn


def test_the_dashboard_names_its_own_variables_only() -> None:
    variables = {variable["name"]: variable for variable in dashboard()["templating"]["list"]}
    assert set(variables) == {"datasource", "instance"} == set(variables_in(dashboard()))
    # Nodes alone: other processes have figures of their own, and a job of their own.
    choice = r'label_values\((\w+)\{job="chatserver"\}, instance\)'
    asked = re.fullmatch(choice, variables["instance"]["query"]["query"])
    assert asked
    assert asked[1] in KNOWN


def test_no_panel_of_the_dashboard_lies_on_another() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(area(panel)[0].stop <= 24 for panel in panels)
    for one, other in combinations(panels, 2):
        (x, y), (across, down) = area(one), area(other)
        assert not (overlap(x, across) and overlap(y, down)), (one["title"], other["title"])
