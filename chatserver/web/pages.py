"""Server-rendered pages: templates with the words of one language and the addresses of the built files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

from chatserver.i18n import TAGS, say, words
from chatserver.web.assets import Assets

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    def __init__(self, assets: Assets) -> None:
        self.assets = assets

    @cached_property
    def environment(self) -> Environment:
        # Jinja is imported when the first page is asked for: the server answers sooner after its start.
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        return Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(
        self, template: str, lang: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        """Render a page; it can use `t` (words), `say(key, …)`, `lang`, `tag` (its `lang` attribute) and `url(name)`."""

        def spoken(key: str, **placeholders: object) -> str:
            return say(lang, key, **placeholders)

        text = self.environment.get_template(template).render(
            t=words(lang), say=spoken, lang=lang, tag=TAGS[lang], url=self.assets.url, **values
        )
        return HTMLResponse(text, status, {"vary": "accept-language", **(headers or {})})
