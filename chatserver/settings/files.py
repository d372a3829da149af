"""Settings of the files that people send."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chatserver.settings import addresses, casts
from chatserver.settings.addresses import S3, Clamd
from chatserver.settings.casts import DAY, setting


@dataclass(frozen=True)
class Files:
    """Where they are kept, who looks for viruses in them, how long they are held."""

    files_dir: Path | None = setting(
        None,
        casts.path,
        "Where files that people send are kept. Several servers on one PostgreSQL share it.",
        shown="<DATA_DIR>/files",
    )
    files_url: str = setting(
        "",
        addresses.files_url,
        "A bucket that keeps them instead, `s3://bucket/prefix` or `s3://bucket?endpoint=https://minio.example.com&region="
        "us-east-1`: [files.md](files.md#in-a-bucket). FILES_DIR is then only for what is under way.",
        shown="the directory keeps them",
    )
    clamd: str = setting(
        "",
        addresses.clamd_at,
        "ClamAV's clamd, which looks for viruses in whatever is sent before it is kept: `unix:/run/clamav/clamd.ctl` or "
        "`127.0.0.1:3310`. More in [files.md](files.md#viruses).",
        shown="nobody looks",
    )
    clamd_away: str = setting(
        "refuse",
        casts.one_of("refuse", "pass"),
        "While clamd does not answer, or says that it cannot scan, files are refused for now (`refuse`), or taken as they are "
        "(`pass`).",
    )
    file_uploads_per_minute: int = setting(
        60, casts.whole(1, 100_000), "Files that one person may send up in a minute, and as many at once."
    )
    file_link_seconds: int = setting(300, casts.whole(10, DAY), "The link of a file holds for so long.")
    file_unused_seconds: int = setting(
        DAY,
        casts.whole(60, 90 * DAY),
        "A file that was sent up and is in no message is forgotten after so long.",
    )

    @property
    def scanner(self) -> Clamd | None:
        return addresses.clamd(self.clamd)._replace(passes=self.clamd_away == "pass") if self.clamd else None

    @property
    def bucket(self) -> S3 | None:
        return addresses.s3(self.files_url) if self.files_url else None
