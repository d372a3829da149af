"""What deploy/ holds is what the programs that read it take. Docker itself runs nowhere in these tests."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chatserver.cli.main import main
from chatserver.settings import load, names
from tests.harness.balanced import FILES, nginx_files, nginx_program
from tests.harness.server import ROOT

DEPLOY = ROOT / "deploy"
UNITS = ("chatserver.service", "chatserver@.service", "chatserver-mail.service")


def program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here: apt install {package}")
    return found


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def filled_in(example: Path) -> dict[str, str]:
    pairs = [line.partition("=") for line in example.read_text().splitlines() if re.match(r"\w+=", line)]
    return {name: value or "0123456789abcdef" * 4 for name, _, value in pairs}


# — nginx ——————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("nodes", ["nodes.conf", "nodes.compose.conf"])
def test_nginx_takes_its_files(tmp_path: Path, nodes: str) -> None:
    conf = nginx_files(tmp_path, 8080, [8001, 8002, 8003], nodes_file=nodes)
    done = run(nginx_program(), "-t", "-p", str(tmp_path), "-c", str(conf), "-e", "stderr")
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_nginx_takes_the_lines_for_tls(tmp_path: Path) -> None:
    openssl = program("openssl", "openssl")
    key, certificate = str(tmp_path / "key"), str(tmp_path / "cert")
    made = run(
        openssl,
        "req",
        "-x509",
        "-nodes",
        "-newkey",
        "rsa:2048",
        "-subj",
        "/CN=x",
        "-keyout",
        key,
        "-out",
        certificate,
    )
    assert made.returncode == 0, made.stderr
    conf = nginx_files(tmp_path, 8080, [8001, 8002, 8003])
    server = tmp_path / "chatserver.conf"
    text, lines = re.subn(r"#tls ", "", server.read_text())
    assert lines > 4
    text = text.replace("/etc/ssl/certs/soporte.pem", certificate).replace(
        "/etc/ssl/private/soporte.key", key
    )
    server.write_text(text)
    done = run(nginx_program(), "-t", "-p", str(tmp_path), "-c", str(conf), "-e", "stderr")
    assert done.returncode == 0, done.stderr


def test_no_node_is_preferred_and_no_post_is_repeated() -> None:
    text = "".join(file.read_text() for file in FILES.iterdir())
    assert "ip_hash" not in text
    assert "sticky" not in text
    assert "non_idempotent" not in text


# — compose ————————————————————————————————————————————————————————————————————


def test_compose_takes_its_file(tmp_path: Path) -> None:
    compose = program("docker-compose", "docker-compose")
    given = tmp_path / "env"
    given.write_text(
        "".join(f"{name}={value}\n" for name, value in filled_in(DEPLOY / ".env.example").items())
    )
    file = str(DEPLOY / "docker-compose.yml")
    done = run(compose, "--env-file", str(given), "-f", file, "config")
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^  node-\d:", done.stdout, re.MULTILINE)) == 3
    assert len(re.findall(r"^    restart: unless-stopped$", done.stdout, re.MULTILINE)) == 7
    # What it sets are settings, and such as can be used.
    found = dict(
        re.findall(
            r"^      (CHATSERVER_\w+|DATABASE_URL|REDIS_URL): '?([^'\n]+)'?$", done.stdout, re.MULTILINE
        )
    )
    assert {name for name in found if name.startswith("CHATSERVER_")} <= set(names())
    settings = load(found)
    assert settings.drain_seconds + 5 < 20
    assert settings.redis_url


def test_compose_takes_mail_in_a_service_of_its_own(tmp_path: Path) -> None:
    compose = program("docker-compose", "docker-compose")
    given = tmp_path / "env"
    mailbox = {"MAILBOX_URL": "imaps://a%40b:c@mail.example.com/INBOX", "MAIL_AUTHSERV_ID": "mx.example.com"}
    values = filled_in(DEPLOY / ".env.example") | mailbox
    given.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    done = run(compose, "--env-file", str(given), "-f", str(DEPLOY / "docker-compose.yml"), "config")
    assert done.returncode == 0, done.stderr
    mail = re.split(r"^  (?=\S)", done.stdout, flags=re.MULTILINE)
    (service,) = [part for part in mail if part.startswith("mail:")]
    assert re.search(r"command:\s+- mail$", service, re.MULTILINE)
    found = re.findall(
        r"^      (CHATSERVER_\w+|DATABASE_URL|REDIS_URL): '?([^'\n]*)'?$", service, re.MULTILINE
    )
    settings = load(dict(found))
    address, box = settings.mail_address, settings.mailbox
    assert address is not None
    assert f"ipv4_address: {address.host}" in service
    assert box is not None
    assert (box.host, box.user, settings.mailbox_done) == ("mail.example.com", "a@b", "Procesados")
    assert settings.mail_authserv_id == "mx.example.com"


def test_compose_starts_nothing_without_its_secrets(tmp_path: Path) -> None:
    compose = program("docker-compose", "docker-compose")
    (tmp_path / "env").touch()
    done = run(
        compose, "--env-file", str(tmp_path / "env"), "-f", str(DEPLOY / "docker-compose.yml"), "config", "-q"
    )
    assert done.returncode != 0
    assert "set it in deploy/.env" in done.stderr


def test_images_are_named_without_a_host() -> None:
    text = (DEPLOY / "docker-compose.yml").read_text() + (ROOT / "Dockerfile").read_text()
    images = re.findall(r"^\s*image: (\S+)|^FROM (\S+)", text, re.MULTILINE)
    assert len(images) == 6
    assert not [image for pair in images for image in pair if "/" in image]


def test_the_image_is_built_from_files_that_are_there() -> None:
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    kept = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for name in [*" ".join(copied).split(), *kept]:
        assert name == "." or list(ROOT.glob(name)), name


# — systemd ————————————————————————————————————————————————————————————————————


def unit(where: Path, name: str) -> Path:
    """With a program that is there: the check looks for it."""
    copy = where / name
    text = (DEPLOY / "systemd" / name).read_text()
    assert "/opt/chatserver/bin/chatserver" in text
    copy.write_text(text.replace("/opt/chatserver/bin/chatserver", "/bin/true"))
    return copy


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_its_units(tmp_path: Path, name: str) -> None:
    done = run(program("systemd-analyze", "systemd"), "verify", str(unit(tmp_path, name)))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_the_units_well_locked_up(tmp_path: Path, name: str) -> None:
    done = run(
        program("systemd-analyze", "systemd"),
        "security",
        "--offline=true",
        "--threshold=20",
        str(unit(tmp_path, name)),
    )
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("name", UNITS)
def test_systemd_starts_again_what_ended_by_itself_whatever_its_code(name: str) -> None:
    text = (DEPLOY / "systemd" / name).read_text()
    assert re.search(r"^Restart=on-failure$", text, re.MULTILINE)
    assert "ExitStatus=" not in text, "some code would be no failure, or one after which nothing is started"


# — Procfiles ——————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("file", ["Procfile", "deploy/Procfile.three"])
def test_the_commands_of_a_procfile_are_commands(file: str) -> None:
    lines = (ROOT / file).read_text().splitlines()
    assert all(re.fullmatch(r"\w+: \S.*", line) for line in lines)
    ours = [found for line in lines if (found := re.search(r"\bchatserver (\w+)", line))]
    assert {"serve", "work", "mail"} <= {found[1] for found in ours}
    assert {found[1] for found in ours} <= set(main.commands)


def test_the_environment_of_three_nodes_on_one_machine_is_of_settings() -> None:
    given = filled_in(DEPLOY / "three.env")
    assert {name for name in given if name.startswith("CHATSERVER_")} <= set(names())
    ports = re.findall(r"PORT=(\d+)", (DEPLOY / "Procfile.three").read_text())
    assert ports == re.findall(r"server 127\.0\.0\.1:(\d+)", (FILES / "nodes.conf").read_text())
    assert load(given | {"PORT": ports[0]}).on_postgres
