"""Markdown to HTML that may stand on our pages, with what goes around it: contents, reading time, the text alone.

Nobody is trusted to write HTML: the Markdown parser escapes it, and whatever comes out is cleaned once more against a short list
of tags and attributes of our own. No image is loaded (it would tell its server who reads), no style, no script; links lead to
https and mail addresses, to other pages of ours, and to places of the same text. Costs time in proportion to the text: call
`rendered` in a thread.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from chatserver.core import articles
from chatserver.i18n import say

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token

NESTING_MAX: Final = 20
"""Quotes in lists in quotes …: deeper is shown as it stands."""
PLACE: Final = "s-"
"""Before the id of each heading, so that none is a name that a page or its script uses."""

_CALLOUT: Final = re.compile(r"\[!(note|tip|warning)\][ \t]*\n?", re.IGNORECASE)
_CALLOUTS: Final = ("note", "tip", "warning")
_ALIGNED: Final = {f"text-align:{side}": side for side in ("left", "center", "right")}
_TAGS: Final = (
    "a blockquote br code div em h2 h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul"
)
_LINK: Final = re.compile(r"https://|mailto:|#|/(?![/\\])", re.IGNORECASE)
_SCHEMES: Final = frozenset({"https", "mailto"})


class Heading(msgspec.Struct, frozen=True):
    """`id`: its place in the page. `level`: 2 or 3, as it stands in the contents."""

    id: str
    level: int
    text: str


class Rendered(msgspec.Struct, frozen=True):
    """`plain`: the text alone, in form NFC, on one line. `minutes`: to read it."""

    html: str
    contents: tuple[Heading, ...]
    plain: str
    minutes: int


def rendered(body: str, lang: str) -> Rendered:
    """`lang`: of the text, for what is said around it."""
    parser = _parser()
    tokens = parser.parse(body)
    contents = _headings(tokens)
    plain = unicodedata.normalize("NFC", " ".join(_texts(tokens)))
    _call_out(tokens, lang)
    html = _cleaned(parser.renderer.render(tokens, parser.options, {}))
    return Rendered(html, contents, plain, articles.minutes(plain))


@cache
def _parser() -> MarkdownIt:
    # Imported when the first text is rendered: a start does not wait for it.
    from markdown_it import MarkdownIt

    parser = MarkdownIt("js-default", {"maxNesting": NESTING_MAX})
    for kind in ("th_open", "td_open"):
        parser.add_render_rule(kind, _cell)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    parser.add_render_rule("image", _image)
    return parser


def _headings(tokens: Sequence[Token]) -> tuple[Heading, ...]:
    """Gives each heading its place. The page's own title is the only one of the first level."""
    found: list[Heading] = []
    seen: dict[str, int] = {}
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type != "heading_open":
            continue
        opening.tag = closing.tag = f"h{max(2, int(opening.tag[1]))}"
        text = " ".join(_inline_text(inline).split())
        name = articles.slug(text)
        seen[name] = seen.get(name, 0) + 1
        place = f"{PLACE}{name}" if seen[name] == 1 else f"{PLACE}{name}-{seen[name]}"
        opening.attrSet("id", place)
        if opening.tag in ("h2", "h3") and text:
            found.append(Heading(place, int(opening.tag[1]), text))
    return tuple(found)


def _texts(tokens: Sequence[Token]) -> list[str]:
    """Words in order. A heading is a sentence of its own, also where all stands on one line."""
    parts: list[str] = []
    for before, token in zip((None, *tokens), tokens, strict=False):
        if token.type in ("fence", "code_block"):
            parts.append(token.content)
        elif token.type == "inline":
            text = _CALLOUT.sub("", _inline_text(token)).strip()
            heads = before is not None and before.type == "heading_open" and text[-1:].isalnum()
            parts.append(f"{text}." if heads else text)
    return [word for part in parts for word in part.split()]


def _inline_text(inline: Token) -> str:
    parts = []
    for token in inline.children or ():
        if token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif token.type in ("text", "code_inline", "image", "text_special"):
            parts.append(token.content)
    return "".join(parts)


def _call_out(tokens: Sequence[Token], lang: str) -> None:
    """A quote that begins with `[!NOTE]`, `[!TIP]` or `[!WARNING]` stands out, with that word in the text's language."""
    for opening, paragraph, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type != "blockquote_open" or paragraph.type != "paragraph_open":
            continue
        match = _CALLOUT.match(inline.content)
        if match is None:
            continue
        kind = match[1].lower()
        opening.attrSet("class", f"callout {kind}")
        _say_kind(inline, say(lang, f"help.callout.{kind}"))


def _say_kind(inline: Token, word: str) -> None:
    """Instead of the mark, which is the first child or the beginning of it."""
    from markdown_it.token import Token

    children = inline.children or []
    first = children[0]
    first.content = _CALLOUT.sub("", f"{first.content}\n", count=1).rstrip("\n")
    if not first.content and len(children) > 1 and children[1].type == "softbreak":
        del children[:2]
    label = [Token("strong_open", "strong", 1), Token("text", "", 0), Token("strong_close", "strong", -1)]
    label[1].content = word
    inline.children = [*label, Token("hardbreak", "br", 0), *children] if children else label


# — what is written otherwise than by the parser itself ————————————————————————


def _cell(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """A side as a class: there are no styles in our pages."""
    token = tokens[at]
    side = _ALIGNED.get(str(token.attrGet("style") or ""))
    return f'<{token.tag} class="{side}">' if side else f"<{token.tag}>"


def _table_open(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """On a narrow screen it is moved sideways by itself, with the keyboard too."""
    return '<div class="scroll" tabindex="0"><table>\n'


def _table_close(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    return "</table></div>\n"


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """A link to it, for who wants to see it."""
    from markdown_it.common.utils import escapeHtml

    token = tokens[at]
    address = str(token.attrGet("src") or "")
    return f'<a href="{escapeHtml(address)}">{escapeHtml(token.content or address)}</a>'


def _cleaned(html: str) -> str:
    import nh3

    return nh3.clean(
        html,
        tags=set(_TAGS.split()),
        attributes={
            "*": set(),
            "a": {"href"},
            "ol": {"start"},
            **{f"h{level}": {"id"} for level in range(2, 7)},
        },
        tag_attribute_values={"div": {"tabindex": {"0"}}},
        attribute_filter=_attribute,
        allowed_classes={
            "blockquote": {"callout", *_CALLOUTS},
            "div": {"scroll"},
            "td": set(_ALIGNED.values()),
            "th": set(_ALIGNED.values()),
        },
        url_schemes=set(_SCHEMES),
        link_rel="noopener noreferrer nofollow",
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href" and not _LINK.match(value):
        return None
    return value
