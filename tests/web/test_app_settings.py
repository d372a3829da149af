"""`app show` and `app set`: what an administrator writes is what holds, and what cannot be used changes nothing."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from chatserver.core.hours import DEFAULT, DayException, Interval, Schedule, check, parse_week
from chatserver.core.policy import Policy
from chatserver.services import form_text, hours_text
from chatserver.services.hours_text import HoursGiven, code_sentence
from chatserver.settings import Settings
from chatserver.store.database import Database
from tests.web.conftest import Clock
from tests.web.test_command_line import command, logging_as_it_was

__all__ = ["logging_as_it_was"]

# A Tuesday: 10:00 in Bogotá, 12:00 in Santiago.
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
SCRIPT = '<script async src="http://127.0.0.1:8000/widget.js" data-app="tienda"></script>'


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the commands look at."""
    clock = Clock()
    clock.now = round(NOW.timestamp() * 1000)
    monkeypatch.setattr("chatserver.store.database.wall_clock", clock)
    return clock


@pytest.fixture
def tienda(tmp_path: Path) -> Path:
    """A data directory with one app that has the default hours."""
    command(tmp_path, "migrate")
    result = command(tmp_path, "app", "add", "Tienda", "--key", "tienda", "--origin", "https://tienda.test")
    assert result.exit_code == 0, result.output
    return tmp_path


def changed(directory: Path, *options: str) -> dict[str, list[str]]:
    result = command(directory, "app", "set", "tienda", *options)
    assert result.exit_code == 0, result.output
    return facts(result.stdout)


def shown(directory: Path, *options: str, **environ: str) -> dict[str, list[str]]:
    result = command(directory, "app", "show", "tienda", *options, **environ)
    assert result.exit_code == 0, result.output
    return facts(result.stdout)


def facts(output: str) -> dict[str, list[str]]:
    """The lines of each label, with single spaces."""
    found: dict[str, list[str]] = {}
    label = ""
    for line in output.splitlines():
        label = line[:10].strip() or label
        found.setdefault(label, []).append(" ".join(line[10:].split()))
    return found


def row(directory: Path) -> tuple[object, ...]:
    """All that is stored of the app."""
    with closing(sqlite3.connect(directory / "chatserver.db")) as database:
        found: tuple[object, ...] = database.execute("SELECT * FROM apps WHERE key = 'tienda'").fetchone()
        return found


def test_a_new_app_is_shown_with_the_defaults_and_without_its_secret(tienda: Path) -> None:
    assert shown(tienda) == {
        "name": ["Tienda"],
        "key": ["tienda"],
        "origins": ["https://tienda.test"],
        "color": ["none"],
        "hours": ["in America/Bogota", "mon-fri 08:00-12:00, 14:00-17:30", "sat-sun closed"],
        "holidays": ["none"],
        "dates": ["none"],
        "now": ["open until tue 2026-11-24 12:00"],
        "policy": ["the server's"],
        "form": ["the usual one"],
        "mail to": ["none comes in"],
        "mail from": ["no mail is sent"],
        "embed": [SCRIPT],
    }


def test_the_secret_is_shown_on_demand(tienda: Path) -> None:
    (secret,) = shown(tienda, "--secret")["secret"]
    assert len(secret) == 43
    assert secret in row(tienda)
    assert secret not in command(tienda, "app", "set", "tienda", "--name", "Otra").output


def secrets(directory: Path) -> list[str]:
    return shown(directory, "--secret")["secret"]


def test_a_new_secret_is_printed_and_the_old_one_is_good_for_a_day(tienda: Path, clock: Clock) -> None:
    (old,) = secrets(tienda)
    new, before = changed(tienda, "--new-secret")["secret"]
    assert len(new) == 43
    assert new != old
    assert before == f"{old} (the one before it, good until 2026-11-25 15:00 UTC)"
    assert secrets(tienda) == [new, before]
    assert shown(tienda)["secret"] == ["the one before it is good until 2026-11-25 15:00 UTC"]
    assert old not in command(tienda, "app", "show", "tienda").output
    clock.elapse(86_400)
    assert secrets(tienda) == [new]
    assert "secret" not in shown(tienda)


def test_for_how_long_it_is_good_may_be_said_and_ended(tienda: Path) -> None:
    (first,) = secrets(tienda)
    second, before = changed(tienda, "--new-secret", "--old-hours", "2")["secret"]
    assert "good until 2026-11-24 17:00 UTC" in before
    third, before = changed(tienda, "--new-secret")["secret"]
    assert before.startswith(second), "of two that were replaced the last one stays good"
    assert "secret" not in changed(tienda, "--at-once")
    assert secrets(tienda) == [third]
    assert {first, second}.isdisjoint(row(tienda))
    (fourth,) = changed(tienda, "--new-secret", "--at-once")["secret"]
    assert fourth not in (first, second, third)
    assert third not in row(tienda)


@pytest.mark.parametrize(
    "options",
    [
        ("--old-hours", "2"),
        ("--new-secret", "--at-once", "--old-hours", "2"),
        ("--at-once", "--old-hours", "2"),
    ],
)
def test_the_old_secrets_time_belongs_to_a_new_one(tienda: Path, options: tuple[str, ...]) -> None:
    before = row(tienda)
    result = command(tienda, "app", "set", "tienda", *options)
    assert (result.exit_code, row(tienda)) == (1, before)
    assert "--old-hours says how long the secret that --new-secret replaces is good" in result.stderr


def test_all_of_an_app_can_be_changed_and_is_shown_as_it_was_written(tienda: Path) -> None:
    after = changed(
        tienda,
        *("--name", "Tienda Sur", "--origin", "https://a.test", "--origin", "https://b.test"),
        *("--color", "#0F6B5C", "--zone", "America/Santiago", "--holidays", "cl-rm"),
        *("--hours", "mon,wed-thu=08:00-12:00,14:00-17:30", "--hours", "fri-sat=22:00-02:00"),
        *("--closed", "2026-12-24=Nochebuena", "--closed", "2026-12-26", "--open", "2026-12-31=09:00-12:00"),
        *("--policy", "inactivity_seconds=120", "--policy", "assignment=manual", "--policy", "same_agent=no"),
    )
    assert after == {
        "name": ["Tienda Sur"],
        "key": ["tienda"],
        "origins": ["https://a.test", "https://b.test"],
        "color": ["#0f6b5c"],
        "hours": [
            "in America/Santiago",
            "mon 08:00-12:00, 14:00-17:30",
            "tue closed",
            "wed-thu 08:00-12:00, 14:00-17:30",
            "fri-sat 22:00-02:00",
            "sun closed",
        ],
        "holidays": ["closed on those of CL-RM"],
        "dates": ["2026-12-24 closed (Nochebuena)", "2026-12-26 closed", "2026-12-31 09:00-12:00"],
        "now": ["closed, opens wed 2026-11-25 08:00"],
        "policy": [
            "inactivity_seconds=120 (otherwise 300)",
            "assignment=manual (otherwise auto)",
            "same_agent=no (otherwise yes)",
        ],
        "form": ["the usual one"],
        "mail to": ["none comes in"],
        "mail from": ["no mail is sent"],
        "embed": [SCRIPT],
    }
    assert shown(tienda) == after


@pytest.mark.parametrize(
    ("options", "label"),
    [
        (("--name", "Otra"), "name"),
        (("--origin", "https://otra.test"), "origins"),
        (("--color", "none"), "color"),
        (("--zone", "America/Lima"), "hours"),
        (("--hours", "sun=10:00-11:00"), "hours"),
        (("--holidays", "none"), "holidays"),
        (("--closed", "2026-12-24"), "dates"),
        (("--forget-dates",), "dates"),
        (("--policy", "ask_name=required"), "policy"),
        (("--support-address", "Ayuda@tienda.example"), "mail to"),
    ],
)
def test_what_is_not_named_stays(tienda: Path, options: tuple[str, ...], label: str) -> None:
    before = changed(
        tienda,
        *(
            "--color",
            "#000000",
            "--holidays",
            "CO",
            "--closed",
            "2026-12-25",
            "--policy",
            "ask_email=optional",
        ),
    )
    after = changed(tienda, *options)
    assert {name for name in before if before[name] != after[name]} - {"now"} == {label}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--support-address", "ayuda"), "The support address must be a mail address like help@example.com"),
        (("--support-address", "a+b@tienda.example"), "without a + and of at most 35 characters"),
        (("--support-address", "x" * 36 + "@tienda.example"), "of at most 35 characters before the @"),
        (("--policy", "support_address=a@tienda.example"), "write --support-address a@tienda.example."),
        (("--policy", "support_address=default"), "support_address is no policy any more"),
    ],
)
def test_a_support_address_has_room_for_what_is_signed(
    tienda: Path, options: tuple[str, ...], sentence: str
) -> None:
    before = row(tienda)
    result = command(tienda, "app", "set", "tienda", *options)
    assert (result.exit_code, row(tienda)) == (1, before)
    assert sentence in result.stderr


def test_mail_to_one_address_becomes_tickets_of_one_app(tienda: Path) -> None:
    assert command(tienda, "app", "add", "Otra", "--key", "otra", "--origin", "https://o.test").exit_code == 0
    ours = changed(tienda, "--support-address", "Ayuda@Tienda.example")
    assert ours["mail to"] == ["ayuda@tienda.example"]
    result = command(tienda, "app", "set", "otra", "--support-address", "AYUDA@tienda.example")
    assert result.exit_code == 1
    assert "ayuda@tienda.example is the address of the app tienda" in result.stderr
    assert changed(tienda, "--support-address", "ayuda@tienda.example") == ours
    assert changed(tienda, "--support-address", "none")["mail to"] == ["none comes in"]


def test_dates_are_added_replaced_and_forgotten(tienda: Path) -> None:
    changed(tienda, "--closed", "2026-12-24", "--closed", "2026-12-31=Fin de año")
    replaced = changed(tienda, "--open", "2026-12-31=09:00-12:00,13:00-14:00")
    assert replaced["dates"] == ["2026-12-24 closed", "2026-12-31 09:00-12:00, 13:00-14:00"]
    assert changed(tienda, "--forget-dates", "--closed", "2027-01-02")["dates"] == ["2027-01-02 closed"]


def test_dates_that_are_over_are_not_shown_and_todays_is(tienda: Path, clock: Clock) -> None:
    changed(tienda, "--closed", "2026-11-25", "--closed", "2026-11-26=Inventario", "--closed", "2026-11-27")
    clock.elapse(2 * 86_400)
    found = shown(tienda)
    assert found["dates"] == ["2026-11-26 closed (Inventario)", "2026-11-27 closed"]
    assert found["now"] == ["closed (Inventario), opens mon 2026-11-30 08:00"]


def test_around_the_clock_and_back_to_a_week(tienda: Path) -> None:
    always = changed(tienda, "--always")
    assert (always["hours"], always["now"]) == (["around the clock"], ["open, without an end"])
    assert "holidays" not in always
    back = changed(tienda, "--hours", "mon-sun=00:00-24:00", "--holidays", "CO")
    assert back["hours"] == ["in America/Bogota", "mon-sun 00:00-24:00"]
    assert back["now"] == ["open until tue 2026-12-08 00:00"]  # the Immaculate Conception


def test_an_app_that_never_opens_says_so(tienda: Path) -> None:
    assert changed(tienda, "--hours", "mon-sun=closed")["now"] == ["closed, opens on no day within a year"]


def test_a_policy_follows_the_server_again(tienda: Path) -> None:
    changed(tienda, "--policy", "inactivity_seconds=120", "--policy", "ask_name=optional")
    after = changed(tienda, "--policy", "inactivity_seconds=default")
    assert after["policy"] == ["ask_name=optional (otherwise no)"]
    server = {"CHATSERVER_INACTIVITY_SECONDS": "900", "CHATSERVER_ASK_NAME": "required"}
    assert shown(tienda, **server)["policy"] == ["ask_name=optional (otherwise required)"]


def test_an_app_is_added_with_hours(tmp_path: Path) -> None:
    hours = (
        "--zone",
        "America/Lima",
        "--hours",
        "sat=09:00-13:00",
        "--holidays",
        "PE",
        "--closed",
        "2026-12-26",
    )
    add = ("app", "add", "Tienda", "--key", "tienda", "--origin", "https://tienda.test", "--color", "#FFAA00")
    command(tmp_path, "migrate")
    assert command(tmp_path, *add, *hours).exit_code == 0
    found = shown(tmp_path)
    assert found["hours"] == ["in America/Lima", "mon-fri closed", "sat 09:00-13:00", "sun closed"]
    assert (found["holidays"], found["dates"]) == (["closed on those of PE"], ["2026-12-26 closed"])
    assert found["color"] == ["#ffaa00"]


WRONG = [
    (("--zone", "Bogota"), "'Bogota' is no time zone: write an IANA name like America/Bogota."),
    (("--zone", ""), "'' is no time zone"),
    (("--hours", "mon"), "'mon' cannot be read: write days and hours like mon-fri="),
    (("--hours", "lun=08:00-12:00"), "'lun=08:00-12:00' cannot be read: write days and hours"),
    (("--hours", "mon=8-12"), "'8-12' cannot be read as hours: write them like 08:00-12:00"),
    (
        ("--hours", "mon=08:00-08:00"),
        "'08:00-08:00' has an interval that ends when it begins: write a later end",
    ),
    (("--hours", "mon=25:00-26:00"), "'25:00-26:00' is out of range: begin from 00:00 to 23:59"),
    (("--hours", "mon=08:00-12:00,11:00-13:00"), "overlaps itself: write intervals that follow each other"),
    (
        ("--hours", "mon-fri=08:00-12:00", "--hours", "fri=08:00-11:00"),
        "fri is given twice: write each day once",
    ),
    (("--hours", "mon,mon=08:00-12:00"), "mon is given twice: write each day once"),
    (
        ("--holidays", "Colombia"),
        "'COLOMBIA' is no country whose holidays are known: write an ISO code like CO",
    ),
    (("--holidays", ""), "is no country whose holidays are known"),
    (("--holidays", "CL-XX"), "'CL-XX' names no known region: write the country alone"),
    (("--closed", "24-12-2026"), "'24-12-2026' is no date: write it like 2026-12-24."),
    (("--closed", "20261224"), "'20261224' is no date"),
    (("--closed", "2026-11-23"), "2026-11-23 is over: write a date from 2026-11-24 on."),
    (
        ("--closed", "2026-12-24", "--open", "2026-12-24=09:00-12:00"),
        "2026-12-24 is given twice: write each date",
    ),
    (("--open", "2026-12-31"), "'2026-12-31' has no hours: write them like 2026-12-31=09:00-12:00"),
    (("--open", "2026-12-31=9"), "'9' cannot be read as hours"),
    (("--always", "--hours", "mon=08:00-12:00"), "write either --always or --hours."),
    (("--always", "--closed", "2026-12-24"), "closes on no day: write its week as well"),
    (("--always", "--holidays", "CO"), "closes on no day: write its week as well"),
    (("--color", "red"), "'red' is no color: write it like #0f6b5c, or none."),
]
WRONG_TO_SET = [
    (
        ("--policy", "patience=1"),
        "'patience=1' is no policy: write name=value; names are inactivity_seconds,",
    ),
    (("--policy", "inactivity_seconds"), "'inactivity_seconds' is no policy: write name=value"),
    (("--policy", "inactivity_seconds=x"), "inactivity_seconds must be a whole number from 1 to"),
    (("--policy", "same_agent=x"), "same_agent must be yes or no, not 'x'."),
    (("--policy", "assignment=x"), "assignment must be one of auto, manual, not 'x'."),
    (("--policy", "inactivity_seconds=30"), "(60) would be more than inactivity_seconds (30): write both."),
    (("--name", " "), "An app needs a name"),
]


@pytest.mark.parametrize(("options", "sentence"), [*WRONG, *WRONG_TO_SET])
def test_what_cannot_be_used_is_one_sentence_and_nothing_is_written(
    tienda: Path, options: tuple[str, ...], sentence: str
) -> None:
    before = row(tienda)
    good = ("--origin", "https://otra.test")
    result = command(tienda, "app", "set", "tienda", *good, *options)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1 + result.stderr.count('"level"')  # a log line
    assert (row(tienda), result.stdout) == (before, "")


@pytest.mark.parametrize(("options", "sentence"), WRONG)
def test_nor_is_an_app_added_with_it(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    result = command(tmp_path, "app", "add", "Tienda", "--origin", "https://tienda.test", *options)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_all_that_cannot_be_used_is_said_at_once(tienda: Path) -> None:
    result = command(
        tienda, "app", "set", "tienda", "--zone", "x", "--holidays", "x", "--color", "x", "--policy", "x=x"
    )
    said = [line for line in result.stderr.splitlines() if '"level"' not in line]
    assert len(said) == 4


def test_a_bad_origin_no_change_and_an_unknown_app_are_a_sentence_too(tienda: Path) -> None:
    before = row(tienda)
    for words, sentence in (
        (("set", "tienda", "--origin", "https://Otra.test/"), "is no origin"),
        (("set", "tienda"), "Nothing to change"),
        (("set", "nadie", "--name", "Otra"), "There is no app with the key 'nadie'"),
        (("show", "nadie"), "There is no app with the key 'nadie'"),
    ):
        result = command(tienda, "app", *words)
        assert (result.exit_code, sentence in result.stderr) == (1, True), words
    assert row(tienda) == before


def test_beside_a_running_server_an_app_is_shown_but_not_changed(settings: Settings) -> None:
    async def run() -> tuple[str, str]:
        db = await Database.open(settings.database_path, clock=Clock(), committed=lambda events: None)
        try:
            show, change = [
                await asyncio.to_thread(command, settings.data_dir, "app", *words)
                for words in (("show", "demo"), ("set", "demo", "--name", "Otra"))
            ]
            assert (show.exit_code, change.exit_code) == (0, 1)
            return show.stdout, change.stderr
        finally:
            await db.close()

    show, change = asyncio.run(run())
    assert facts(show)["name"] == ["Demo"]
    assert "in use by another process" in change
    assert "stop that server first" in change


def test_every_problem_of_a_schedule_has_a_sentence() -> None:
    bad = DayException(date(2026, 12, 24), (Interval(9, 9), Interval(0, 9999), Interval(5, 10)))
    found = check(Schedule(zone="x", week=(), holidays="ZZ", exceptions=(bad, bad)))
    found += check(Schedule(holidays="CL-XX"))
    assert set(found) | {"hours_unreadable"} == set(hours_text._SENTENCES)
    for code in found:
        assert "write" in code_sentence(code, "x") or "begin" in code_sentence(code, "x")


def test_days_may_run_over_the_end_of_the_week() -> None:
    after, problems = hours_text.changed(DEFAULT, HoursGiven(hours=("SAT-mon=10:00-11:00",)), NOW)
    assert problems == []
    assert after.week == parse_week(dict.fromkeys(("sat", "sun", "mon"), "10:00-11:00"))


def test_today_is_the_zones() -> None:
    """On the evening of the 24th in Bogotá it is the 25th in Madrid already."""
    late = NOW + timedelta(hours=12)
    for zone, problems in (("America/Bogota", 0), ("Europe/Madrid", 1)):
        given = HoursGiven(zone=zone, closed=("2026-11-24",))
        assert len(hours_text.changed(DEFAULT, given, late)[1]) == problems


def test_the_policys_names_are_those_of_the_settings() -> None:
    from chatserver.settings.policy import policy_casts

    assert tuple(policy_casts()) == Policy.__struct_fields__


# — the ticket form ————————————————————————————————————————————————————————————

DEFINITION = {
    "country": "CO",
    "ask": {"company": "required", "url": "no"},
    "fields": [
        {"key": "version", "kind": "text", "label": {"es": "a", "en": "b", "pt": "c"}, "required": True}
    ],
}


def written(directory: Path, definition: object) -> str:
    file = directory / "form.json"
    file.write_text(definition if isinstance(definition, str) else json.dumps(definition), encoding="utf-8")
    return str(file)


def test_a_form_holds_as_it_was_written_and_is_printed_to_be_changed(tienda: Path) -> None:
    assert shown(tienda)["form"] == ["the usual one"]
    after = changed(tienda, "--form", written(tienda, DEFINITION))
    assert after["form"][1] == "version (text, required)"
    assert "company" in after["form"][0]
    assert "url" not in after["form"][0]
    printed = command(tienda, "app", "show", "tienda", "--form").stdout
    assert json.loads(printed)["ask"]["company"] == "required"
    assert changed(tienda, "--form", written(tienda, printed))["form"] == after["form"]
    assert changed(tienda, "--name", "Otra")["form"] == after["form"], "what is not named stays"
    assert changed(tienda, "--form", "default")["form"] == ["the usual one"]


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ("no json", "This is no form: "),
        ({"fields": [{"key": "a"}]}, "`$.fields[0]`"),
        ({"country": "Colombia"}, "'Colombia' is no country"),
    ],
)
def test_a_form_that_cannot_be_used_is_refused_with_a_sentence_and_changes_nothing(
    tienda: Path, definition: object, sentence: str
) -> None:
    changed(tienda, "--form", written(tienda, DEFINITION))
    before = shown(tienda)
    result = command(
        tienda,
        "app",
        "set",
        "tienda",
        "--name",
        "Otra",
        "--color",
        "x",
        "--form",
        written(tienda, definition),
    )
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert "is no color" in result.stderr, "all at once"
    assert shown(tienda) == before


def test_a_field_that_has_answers_keeps_its_kind(tienda: Path) -> None:
    changed(tienda, "--form", written(tienda, DEFINITION))
    other = json.loads(json.dumps(DEFINITION))
    other["fields"][0]["kind"] = "date"
    result = command(tienda, "app", "set", "tienda", "--form", written(tienda, other))
    assert result.exit_code == 1
    assert "fields.version was of kind 'text' before" in result.stderr


def test_a_form_that_is_not_there_or_no_text_is_said_plainly(tienda: Path) -> None:
    missing = command(tienda, "app", "set", "tienda", "--form", str(tienda / "none.json"))
    assert (missing.exit_code, missing.stderr) == (
        1,
        f"{tienda / 'none.json'} cannot be read: No such file or directory.\n",
    )
    (tienda / "form.json").write_bytes(b"\xff\xfe")
    strange = command(tienda, "app", "set", "tienda", "--form", str(tienda / "form.json"))
    assert strange.exit_code == 1
    assert "it is no text in UTF-8" in strange.stderr


def test_the_form_of_the_documentation_is_good() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tickets.md").read_text(encoding="utf-8")
    form = form_text.form_from(page.split("```\n")[1])
    assert [field.key for field in form.fields] == ["version", "plan"]


def test_people_of_companies_are_named_listed_and_taken_away(tienda: Path) -> None:
    who = ("--add", "Ana@Cuadra.test", "--add", "user:7", "--sees", "jefa@cuadra.test")
    said = command(tienda, "app", "company", "tienda", "Cuadra  S. A.", *who)
    assert said.exit_code == 0, said.output
    lines = [
        "Cuadra S. A.\tjefa@cuadra.test\tsees all",
        "Cuadra S. A.\tana@cuadra.test\tis of it",
        "Cuadra S. A.\tuser:7\tis of it",
    ]
    assert said.stdout.splitlines() == lines
    assert command(tienda, "app", "company", "tienda").stdout.splitlines() == lines
    gone = command(tienda, "app", "company", "tienda", "Cuadra S. A.", "--remove", "jefa@cuadra.test")
    assert gone.stdout.splitlines() == lines[1:]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("tienda", "--add", "ana@x.test"), "Say which company"),
        (("tienda", "Cuadra", "--add", "ana"), "neither an e-mail address"),
        (("tienda", "Cuadra", "--sees", "user:"), "neither an e-mail address"),
        (("nada", "Cuadra", "--add", "ana@x.test"), "There is no app with the key"),
    ],
)
def test_what_names_no_company_or_person_changes_nothing(
    tienda: Path, words: tuple[str, ...], sentence: str
) -> None:
    result = command(tienda, "app", "company", *words)
    assert result.exit_code != 0
    assert sentence in result.output
    assert "There is nobody." in command(tienda, "app", "company", "tienda").stdout
