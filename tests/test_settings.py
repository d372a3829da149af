"""What the environment may say, and what it is told when it says something else."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from chatserver import settings
from chatserver.core.policy import Policy
from chatserver.demo.scene import kept
from chatserver.settings import BadSettings, Settings, load
from chatserver.settings.reference import reference
from chatserver.settings.traces import traces_wanted

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    found = load({})
    assert (found.host, found.port, found.database_path) == ("127.0.0.1", 8000, Path("var/chatserver.db"))
    assert found.policy == Policy()
    assert found.address == "http://127.0.0.1:8000"


def test_the_page_of_settings_is_the_one_that_the_program_prints() -> None:
    assert DOCS.read_text(encoding="utf-8") == reference()


def test_every_setting_and_every_field_of_the_policy_is_documented() -> None:
    page = reference()
    policy = {f"CHATSERVER_{name.upper()}" for name in Policy.__struct_fields__}
    own = {f"CHATSERVER_{name.upper()}" for name in Settings.__dataclass_fields__ if name != "policy"}
    assert set(settings.names()) == policy | own
    for name in policy | own:
        assert f"| `{name}` |" in page


def test_the_prefixed_name_wins_and_only_four_work_without_prefix() -> None:
    assert load({"PORT": "81", "CHATSERVER_PORT": "82"}).port == 82
    assert load({"HOST": "0.0.0.0", "PORT": "81"}).port == 81
    assert load({"DATABASE_URL": "sqlite:////srv/chat.db"}).database_path == Path("/srv/chat.db")
    assert load({"LOG_LEVEL": "debug", "SECRET": "short"}).log_level == "info"


def test_a_blank_variable_is_none() -> None:
    assert load({"CHATSERVER_PORT": " ", "PORT": "81"}).port == 81


def test_all_bad_values_are_listed_at_once_by_the_name_that_was_used() -> None:
    with pytest.raises(BadSettings) as caught:
        load(
            {
                "PORT": "eighty",
                "CHATSERVER_LOG_LEVEL": "loud",
                "CHATSERVER_INACTIVITY_SECONDS": "-1",
                "CHATSERVER_INACTIVITY_STRICT": "maybe",
            }
        )
    problems = caught.value.problems
    assert [problem.split()[0] for problem in problems] == [
        "PORT",
        "CHATSERVER_LOG_LEVEL",
        "CHATSERVER_INACTIVITY_SECONDS",
        "CHATSERVER_INACTIVITY_STRICT",
    ]
    assert all(problem.endswith(".") for problem in problems)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHATSERVER_PORT", "0"),
        ("CHATSERVER_PORT", "65536"),
        ("CHATSERVER_HOST", "http://example.com"),
        ("CHATSERVER_PUBLIC_URL", "chat.example.com"),
        ("CHATSERVER_PUBLIC_URL", "ftp://chat.example.com"),
        ("CHATSERVER_PUBLIC_URL", "https://chat.example.com/support"),
        ("CHATSERVER_PUBLIC_URL", "https://user:word@chat.example.com"),
        ("CHATSERVER_PUBLIC_URL", "https://chat.example.com:port"),
        ("CHATSERVER_PUBLIC_URL", "https://*.example.com"),
        ("CHATSERVER_PUBLIC_URL", "https://ñandú.example.com"),
        ("CHATSERVER_NODE_URL", "10.0.0.5:8000"),
        ("CHATSERVER_NODE_URL", "https://10.0.0.5:8000"),
        ("CHATSERVER_TRUSTED_PROXIES", "balancer.internal"),
        ("CHATSERVER_TRUSTED_PROXIES", "10.0.0.5 10.0.0.6"),
        ("CHATSERVER_TRUSTED_PROXIES", "10.0.0.5/24"),
        ("CHATSERVER_TRUSTED_PROXIES", "*"),
        ("CHATSERVER_SECRET", "too short"),
        ("CHATSERVER_SECRET_FILE", "/nowhere/at/all"),
        ("CHATSERVER_DATABASE_URL", "mysql://localhost/chat"),
        ("CHATSERVER_DATABASE_URL", "sqlite:///:memory:"),
        ("CHATSERVER_REDIS_URL", "memcached://localhost"),
        ("CHATSERVER_DATABASE_URL", "postgresql://localhost"),
        ("CHATSERVER_DATABASE_URL", "postgresql://localhost:port/chat"),
        ("CHATSERVER_CUSTOMER_HEARTBEAT_SECONDS", "nan"),
        ("CHATSERVER_ASK_NAME", "sometimes"),
        ("CHATSERVER_OPEN_CHATS_PER_CUSTOMER", "0"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load({name: value})
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(name)


COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}


def test_traces_are_made_where_opentelemetry_is_told_where_they_go_and_not_that_there_are_none() -> None:
    assert not traces_wanted({"OTEL_SERVICE_NAME": "chat", "OTEL_EXPORTER_OTLP_ENDPOINT": ""})
    assert traces_wanted(COLLECTOR)
    assert traces_wanted({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://otlp.example.com/v1/traces"})
    assert not traces_wanted(COLLECTOR | {"OTEL_SDK_DISABLED": "True"})
    assert not traces_wanted(COLLECTOR | {"OTEL_TRACES_EXPORTER": "none"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "chat:hush@collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "grpc://chat:hush@collector:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_TRACES_EXPORTER", "console"),
    ],
)
def test_traces_that_would_go_nowhere_are_refused_without_showing_a_password(name: str, value: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load(COLLECTOR | {name: value})
    (problem,) = caught.value.problems
    assert problem.startswith(name)
    assert "hush" not in problem
    load({name: value, "OTEL_SDK_DISABLED": "true"})


def test_redis_goes_with_postgresql_only() -> None:
    with pytest.raises(BadSettings, match="SQLite"):
        load({"REDIS_URL": "redis://localhost"})
    both = {"REDIS_URL": "redis://localhost", "DATABASE_URL": "postgresql://localhost/chat"}
    assert load(both).redis_url == "redis://localhost"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_a_postgresql_database_is_named_by_its_url_and_shown_without_its_password(scheme: str) -> None:
    url = f"{scheme}://chat:hush@db.example.com:6432/support"
    found = load({"DATABASE_URL": url})
    assert (found.database, found.on_postgres) == (url, True)
    assert found.database_shown == "db.example.com:6432/support"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://chat:hush@localhost/chat",
        "postgresql:/chat:hush@localhost/chat",
        "chat:hush@localhost/chat",
        "postgresql://chat:12/hush@localhost/chat",
    ],
)
def test_a_database_that_cannot_be_used_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load({"DATABASE_URL": url})
    assert "hush" not in str(caught.value.problems)


def test_settings_that_are_printed_hold_no_password() -> None:
    found = load(
        {
            "DATABASE_URL": "postgresql://chat:hush@localhost/chat",
            "REDIS_URL": "redis://:hush@localhost",
            "CHATSERVER_SECRET": "hush" * 9,
            "CHATSERVER_METRICS_TOKEN": "hush" * 8,
            "CHATSERVER_SMTP_URL": "smtp://chat:hush@localhost",
            "CHATSERVER_MAILBOX_URL": "imaps://chat:hush@localhost",
            "CHATSERVER_MAIL_FROM": "soporte@example.com",
            "CHATSERVER_PUBLIC_URL": "https://chat.example.com",
        }
    )
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("127.0.0.1:8026", ("127.0.0.1", 8026)),
        ("[::1]:8026", ("::1", 8026)),
        ("localhost:1", ("localhost", 1)),
        ("0.0.0.0:65535", ("0.0.0.0", 65_535)),
    ],
)
def test_pages_about_health_have_an_address_of_their_own(text: str, where: tuple[str, int]) -> None:
    found = load({"CHATSERVER_HEALTH_LISTEN": text}).health_address
    assert found == where
    assert found.shown == text
    assert load({}).health_address is None


@pytest.mark.parametrize(
    "text",
    [
        "8026",
        ":8026",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "::1:8026",
        "[127.0.0.1]:1",
        "a.b:1",
        "²:1",
    ],
)
def test_no_address_for_pages_about_health_is_refused(text: str) -> None:
    with pytest.raises(BadSettings, match="CHATSERVER_HEALTH_LISTEN must be an address and a port"):
        load({"CHATSERVER_HEALTH_LISTEN": text})


def test_the_policy_of_all_apps_comes_from_the_environment() -> None:
    found = load(
        {
            "CHATSERVER_INACTIVITY_SECONDS": "30",
            "CHATSERVER_INACTIVITY_WARNING_SECONDS": "10",
            "CHATSERVER_ASSIGNMENT": "manual",
            "CHATSERVER_IDENTITY_REQUIRED": "yes",
        }
    )
    assert found.policy == msgspec.structs.replace(
        Policy(),
        inactivity_seconds=30,
        inactivity_warning_seconds=10,
        assignment="manual",
        identity_required=True,
    )


def test_who_shortens_the_inactivity_alone_gets_a_warning_that_fits() -> None:
    assert load({"CHATSERVER_INACTIVITY_SECONDS": "30"}).policy.inactivity_warning_seconds == 15


def test_a_warning_longer_than_the_whole_time_is_refused() -> None:
    with pytest.raises(BadSettings, match="INACTIVITY_WARNING_SECONDS"):
        load({"CHATSERVER_INACTIVITY_SECONDS": "30", "CHATSERVER_INACTIVITY_WARNING_SECONDS": "31"})


def test_the_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s" * 40 + "\n")
    assert load({"CHATSERVER_SECRET_FILE": str(file)}).secret == "s" * 40


def test_a_secret_that_cannot_be_read_from_its_file_is_a_sentence(tmp_path: Path) -> None:
    (file := tmp_path / "secret").write_bytes(b"\xff" * 40)
    for path, why in (
        (tmp_path / "none", "which cannot be read: No such file or directory."),
        (file, "which is no text in UTF-8."),
    ):
        with pytest.raises(BadSettings) as caught:
            load({"CHATSERVER_SECRET_FILE": str(path)})
        assert caught.value.problems == [f"CHATSERVER_SECRET_FILE names {path}, {why}"]


def test_proxies_are_trusted_by_their_addresses_and_networks() -> None:
    for given in ("10.0.0.5", "10.0.0.5, 10.1.0.0/24", "::1,fd00::/8"):
        assert load({"CHATSERVER_TRUSTED_PROXIES": given}).trusted_proxies == given


def test_the_public_address_is_written_as_browsers_write_origins() -> None:
    assert (
        load({"CHATSERVER_PUBLIC_URL": "https://Chat.Example.com:443/"}).public_url
        == "https://chat.example.com"
    )


def test_a_support_address_for_all_apps_is_refused_before_mail_is_sent_back() -> None:
    with pytest.raises(BadSettings, match="app set KEY --support-address"):
        load({"CHATSERVER_SUPPORT_ADDRESS": "ayuda@example.com"})


def test_answers_come_in_where_somebody_listens_or_it_is_said() -> None:
    listening = {"CHATSERVER_MAIL_LISTEN": "lmtp://127.0.0.1:8024"}
    assert not load({}).mails_come_in
    assert load(listening).mails_come_in
    assert load({"CHATSERVER_MAIL_COMES_IN": "yes"}).mails_come_in
    assert not load(listening | {"CHATSERVER_MAIL_COMES_IN": "no"}).mails_come_in


def test_a_misspelt_setting_is_named() -> None:
    assert settings.unknown({"CHATSERVER_INACTIVTY_SECONDS": "1", "PATH": "", "CHATSERVER_PORT": "1"}) == [
        "CHATSERVER_INACTIVTY_SECONDS"
    ]


def test_something_kept_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "var" / "kept"
    assert kept(file, lambda: "first") == ("first", True)
    assert kept(file, lambda: "second") == ("first", False)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


MAIL = {"CHATSERVER_MAIL_FROM": "soporte@example.com", "CHATSERVER_PUBLIC_URL": "https://chat.example.com"}


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("smtp://mail.example.com", ("mail.example.com", 587, "", "", "starttls")),
        (
            "smtp://a%40b:p%2Fw%25@mail.example.com:2525",
            ("mail.example.com", 2525, "a@b", "p/w%", "starttls"),
        ),
        ("smtps://u:p@mail.example.com", ("mail.example.com", 465, "u", "p", "smtps")),
        ("smtp://127.0.0.1", ("127.0.0.1", 25, "", "", "off")),
        ("smtp://[::1]:2525", ("::1", 2525, "", "", "off")),
        ("smtp://localhost?starttls", ("localhost", 587, "", "", "starttls")),
        ("smtp://10.0.0.5:25?tls=off", ("10.0.0.5", 25, "", "", "off")),
    ],
)
def test_the_server_for_mail_is_reached_enciphered_unless_it_is_here_or_somebody_says_so(
    url: str, parts: tuple[object, ...]
) -> None:
    found = load({"CHATSERVER_SMTP_URL": url, **MAIL})
    assert found.smtp is not None
    assert found.smtp[:5] == parts
    assert found.policy.mail
    assert "p%2Fw" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        *("mail.example.com", "http://mail.example.com", "smtp://", "smtp://host:port", "smtp://host/path"),
        *(
            "smtp://host?tls=on",
            "smtp://host?verify=no",
            "smtp://:secretword@host",
            "smtp://host?ca=/nowhere/ca.pem",
        ),
    ],
)
def test_a_server_for_mail_that_cannot_be_meant_is_a_sentence_without_its_password(url: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load({"CHATSERVER_SMTP_URL": url, **MAIL})
    assert "CHATSERVER_SMTP_URL" in str(caught.value)
    assert "secretword" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        (
            "imaps://a%40b:p%2Fw%25@mail.example.com",
            ("mail.example.com", 993, "a@b", "p/w%", "imaps", "", "INBOX"),
        ),
        ("imap://u:p@mail.example.com/Ayuda", ("mail.example.com", 143, "u", "p", "starttls", "", "Ayuda")),
        ("imap://u:p@127.0.0.1:1143/A%2FB", ("127.0.0.1", 1143, "u", "p", "off", "", "A/B")),
        ("imap://u:p@localhost/?starttls", ("localhost", 143, "u", "p", "starttls", "", "INBOX")),
        ("imap://u:p@10.0.0.5?tls=off", ("10.0.0.5", 143, "u", "p", "off", "", "INBOX")),
    ],
)
def test_a_mailbox_is_reached_enciphered_unless_it_is_here_or_somebody_says_so(
    url: str, parts: tuple[object, ...]
) -> None:
    found = load({"CHATSERVER_MAILBOX_URL": url})
    assert found.mailbox == parts
    assert found.takes_mail
    assert "p%2Fw" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        *("mail.example.com", "imap://mail.example.com", "imaps://u@host", "imaps://:secretword@host"),
        *("smtp://u:secretword@host", "imaps://u:secretword@host?tls=on", "imaps://u:secretword@host:0"),
        *("imaps://u:secretword@host?ca=/nowhere/ca.pem", "imaps://u:secretword@host/A%0D%0AB"),
    ],
)
def test_a_mailbox_that_cannot_be_meant_is_a_sentence_without_its_password(url: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load({"CHATSERVER_MAILBOX_URL": url})
    assert "CHATSERVER_MAILBOX_URL" in str(caught.value)
    assert "secretword" not in str(caught.value)


def test_what_was_taken_goes_into_another_folder_than_it_came_from() -> None:
    for given in ({"CHATSERVER_MAILBOX_DONE": "inbox"}, {}):
        folder = "INBOX" if given else "Procesados"
        with pytest.raises(BadSettings, match="must be another folder"):
            load({"CHATSERVER_MAILBOX_URL": f"imaps://u:p@host/{folder}", **given})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("unix:/run/clamav/clamd.ctl", "unix:/run/clamav/clamd.ctl"),
        ("Clamav:3310", "clamav:3310"),
        ("[::1]:3310", "::1:3310"),
    ],
)
def test_the_virus_scanner_is_a_socket_or_a_port(text: str, shown: str) -> None:
    found = load({"CHATSERVER_CLAMD": text}).scanner
    assert found is not None
    assert (found.shown, found.passes) == (shown, False)
    other = load({"CHATSERVER_CLAMD": text, "CHATSERVER_CLAMD_AWAY": "pass"}).scanner
    assert other is not None
    assert other.passes
    assert load({}).scanner is None


@pytest.mark.parametrize(
    "text", ["clamd", "unix:clamd.ctl", "host:0", "host:99999", ":3310", "http://host:3310", "a@b:1"]
)
def test_a_virus_scanner_that_cannot_be_meant_is_a_sentence(text: str) -> None:
    with pytest.raises(BadSettings, match="CHATSERVER_CLAMD must be"):
        load({"CHATSERVER_CLAMD": text})


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("s3://lo-que-envian", ("lo-que-envian", "", "", "")),
        ("s3://lo-que-envian/chat/uno/?region=eu-west-1", ("lo-que-envian", "chat/uno", "", "eu-west-1")),
        ("s3://b.c/x?endpoint=http://10.0.0.5:9000/", ("b.c", "x", "http://10.0.0.5:9000", "")),
    ],
)
def test_a_bucket_keeps_files_where_one_is_named(url: str, parts: tuple[str, ...]) -> None:
    found = load({"CHATSERVER_FILES_URL": url}).bucket
    assert found == parts
    assert "?" not in found.shown


@pytest.mark.parametrize(
    "url",
    [
        *(
            "bucket",
            "http://bucket",
            "s3://",
            "s3://B",
            "s3://secretword:secretword@bucket",
            "s3://bucket/a b",
        ),
        *(
            "s3://bucket?key=secretword",
            "s3://bucket?endpoint=ftp://x",
            "s3://bucket?endpoint=https://a:secretword@x",
        ),
    ],
)
def test_a_bucket_that_cannot_be_meant_is_a_sentence(url: str) -> None:
    with pytest.raises(BadSettings, match="CHATSERVER_FILES_URL must be") as caught:
        load({"CHATSERVER_FILES_URL": url})
    assert "secretword" not in str(caught.value)


def test_a_bucket_without_what_speaks_to_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadSettings, match=r"chatserver\[s3\]"):
        load({"CHATSERVER_FILES_URL": "s3://bucket"})


def test_mail_needs_to_know_from_where_it_comes_and_where_it_leads() -> None:
    with pytest.raises(BadSettings) as caught:
        load({"CHATSERVER_SMTP_URL": "smtp://127.0.0.1"})
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "CHATSERVER_SMTP_URL needs CHATSERVER_MAIL_FROM",
        "CHATSERVER_SMTP_URL needs CHATSERVER_PUBLIC_URL",
    ]
    with pytest.raises(BadSettings, match="CHATSERVER_MAIL needs CHATSERVER_SMTP_URL"):
        load({"CHATSERVER_MAIL": "yes"})
    with pytest.raises(BadSettings, match="CHATSERVER_MAIL_FROM must be an e-mail address"):
        load({"CHATSERVER_MAIL_FROM": "soporte"})
    assert not load({"CHATSERVER_SMTP_URL": "smtp://127.0.0.1", "CHATSERVER_MAIL": "no", **MAIL}).policy.mail
    assert not load({}).policy.mail
