"""Settings: one frozen value read once from the environment.

Every setting is `CHATSERVER_<NAME>`; DATABASE_URL, REDIS_URL, HOST and PORT are also read unprefixed, the prefixed one wins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from chatserver.core.policy import Policy
from chatserver.settings import traces
from chatserver.settings.addresses import POSTGRES, imap
from chatserver.settings.casts import secret
from chatserver.settings.data import Data
from chatserver.settings.files import Files
from chatserver.settings.limits import Limits
from chatserver.settings.mail import MAILBOX_DONE, Mail
from chatserver.settings.policy import POLICY_DOCS, policy_casts
from chatserver.settings.server import Server
from chatserver.settings.sessions import Sessions

PREFIX = "CHATSERVER_"
UNPREFIXED = ("DATABASE_URL", "REDIS_URL", "HOST", "PORT")
SUBJECTS = (Server, Data, Mail, Files, Limits, Sessions)


class BadSettings(Exception):
    """Some settings cannot be used; `problems` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings(Server, Data, Mail, Files, Limits, Sessions):
    """All settings, checked. Seconds are seconds, rates are per what their name says."""

    policy: Policy = field(default_factory=Policy)
    """Defaults of every app; an app's own policy wins."""

    @property
    def files_path(self) -> Path:
        return self.files_dir or self.data_dir / "files"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this environment (`os.environ`). Raises BadSettings, which lists everything that is wrong."""
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    own = {f.name: f.metadata["cast"] for f in own_fields()}
    given = _read(environ, own, problems)
    policy = _read(environ, policy_casts(), problems)
    problems += _take_secret_of_file(given)
    problems += _redis_problems(given)
    problems += traces.problems(environ)
    problems += _mail_problems(given, policy)
    problems += _mailbox_problems(given)
    problems += _gone_problems(environ)
    policy.setdefault("mail", "smtp_url" in given)
    given["policy"], contradictions = _policy(policy)
    problems += contradictions
    if problems:
        raise BadSettings(problems)
    return Settings(**given)


def _read(
    environ: Mapping[str, str], casts: Mapping[str, Callable[[str], Any]], problems: list[str]
) -> dict[str, Any]:
    """What is said, by the names of `casts`; what cannot be used goes to `problems`."""
    given: dict[str, Any] = {}
    for name, cast in casts.items():
        variable = name.upper()
        names = [PREFIX + variable] + ([variable] if variable in UNPREFIXED else [])
        found = next((n for n in names if environ.get(n, "").strip()), None)
        if found is None:
            continue
        try:
            given[name] = cast(environ[found].strip())
        except ValueError as problem:
            problems.append(f"{found} {problem}.")
    return given


def _take_secret_of_file(given: dict[str, Any]) -> list[str]:
    if "secret_file" not in given or "secret" in given:
        return []
    try:
        given["secret"] = secret(given["secret_file"].read_text().strip())
    except OSError as problem:
        return [
            f"{PREFIX}SECRET_FILE names {given['secret_file']}, which cannot be read: {problem.strerror or problem}."
        ]
    except UnicodeDecodeError:
        return [f"{PREFIX}SECRET_FILE names {given['secret_file']}, which is no text in UTF-8."]
    except ValueError as problem:
        return [f"{PREFIX}SECRET_FILE names a file whose content {problem}."]
    return []


def _redis_problems(given: Mapping[str, Any]) -> list[str]:
    if not given.get("redis_url") or given.get("database_url", "").startswith(POSTGRES):
        return []
    return [
        f"{PREFIX}REDIS_URL is for several servers on one PostgreSQL, and this one keeps its data in SQLite: "
        f"set {PREFIX}DATABASE_URL to a PostgreSQL, or leave Redis out."
    ]


def _mailbox_problems(given: Mapping[str, Any]) -> list[str]:
    """What is moved to where it was would be taken again for ever."""
    url, done = given.get("mailbox_url"), given.get("mailbox_done", MAILBOX_DONE)
    if url is None or imap(url).folder.lower() != done.lower():
        return []
    return [f"{PREFIX}MAILBOX_DONE must be another folder than the one that {PREFIX}MAILBOX_URL reads."]


def _gone_problems(environ: Mapping[str, str]) -> list[str]:
    """Started without what it said, the server would send mail back that was taken before."""
    if not environ.get(f"{PREFIX}SUPPORT_ADDRESS", "").strip():
        return []
    return [
        f"{PREFIX}SUPPORT_ADDRESS is no setting any more, since each app has an address of its own: take it out, and write "
        "`chatserver app set KEY --support-address ADDRESS`."
    ]


def _mail_problems(given: Mapping[str, Any], policy: Mapping[str, Any]) -> list[str]:
    if "smtp_url" not in given:
        return (
            [f"{PREFIX}MAIL needs {PREFIX}SMTP_URL: by whom mails are to be sent."]
            if policy.get("mail")
            else []
        )
    needed = {
        "mail_from": "the address from which mails come",
        "public_url": "mails lead back to this server",
    }
    return [
        f"{PREFIX}SMTP_URL needs {PREFIX}{name.upper()}: {why}."
        for name, why in needed.items()
        if name not in given
    ]


def _policy(given: dict[str, Any]) -> tuple[Policy, list[str]]:
    policy = Policy(**given)
    if policy.inactivity_warning_seconds <= policy.inactivity_seconds:
        return policy, []
    if "inactivity_warning_seconds" not in given:
        # Who shortens the time and says nothing of the warning gets a warning that still makes sense.
        return Policy(**given, inactivity_warning_seconds=policy.inactivity_seconds // 2), []
    return policy, [
        f"{PREFIX}INACTIVITY_WARNING_SECONDS ({policy.inactivity_warning_seconds}) is more than "
        f"{PREFIX}INACTIVITY_SECONDS ({policy.inactivity_seconds})."
    ]


def names() -> list[str]:
    """The variables of all settings, in the order of the documentation."""
    own = [f.name for f in own_fields()]
    return [PREFIX + name.upper() for name in (*own, *POLICY_DOCS)]


def own_fields() -> list[Field[Any]]:
    """All but the policy, in the order of the documentation: subject after subject."""
    return [f for subject in SUBJECTS for f in fields(subject)]


def unknown(environ: Mapping[str, str] | None = None) -> list[str]:
    """Variables with our prefix that are no settings: misspelt ones deserve a warning (orchestrators add some of their own)."""
    known = set(names())
    environ = os.environ if environ is None else environ
    return [name for name in sorted(environ) if name.startswith(PREFIX) and name not in known]
