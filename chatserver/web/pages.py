"""Server-rendered pages: templates with the words of one language and the addresses of the built files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse

from chatserver.i18n import TAGS, choose, say, words
from chatserver.web.assets import Assets
from chatserver.web.origins import header

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """`default`: the language of whoever asks for no other; "auto" follows the browser."""

    def __init__(self, assets: Assets, default: str) -> None:
        self.assets = assets
        self._default = default

    def language(self, request: HTTPConnection) -> str:
        """What `?lang=` asks for, or the default."""
        accepted = self._default
        if accepted == "auto":
            accepted = header(request.scope, b"accept-language") or ""
        return choose(request.query_params.get("lang", ""), accepted)

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
        self,
        template: str,
        lang: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """Render a page; it can use `t` (words), `say(key, …)`, `lang`, `tag` (its `lang` attribute) and `url(name)`."""

        def spoken(key: str, **placeholders: object) -> str:
            return say(lang, key, **placeholders)

        text = self.environment.get_template(template).render(
            t=words(lang), say=spoken, lang=lang, tag=TAGS[lang], url=self.assets.url, **values
        )
        return HTMLResponse(text, status, {"vary": "accept-language", **(headers or {})})
