"""The text of an HTML mail, and what its HTML shows to be a quote or a signature. Only this text is ever shown of it.

Read from front to back with a stack of open elements that has a bound; nothing recurses, and each step passes
over what it looked at, so that the work grows as the mail does. Not by `html.parser`: of an unclosed "<!--"
repeated it looks for the end from each anew, so its work grows with the square of the mail, and on "<![x" it raises.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from typing import Final

import msgspec

from chatserver.mail.marks import Line, Sure
from chatserver.mail.quotes import Mail, Piece, cut

HTML_AT_MOST: Final = 2_000_000
"""Characters that are read; of what is longer the rest is left out, and `Page.whole` is False."""
TEXT_AT_MOST: Final = 500_000
DEPTH_AT_MOST: Final = 200
ARROWS_AT_MOST: Final = 8
_LINK_AT_MOST: Final = 2_000
_TAG_AT_MOST: Final = 4_000

_UNSHOWN: Final = frozenset({"script", "style", "head", "title", "template", "object", "svg", "textarea"})
_RAW: Final = frozenset({"script", "style", "textarea", "title"})
"""Their content is no HTML: it goes to their own end tag."""
_RAW_ENDS: Final = {name: re.compile(f"</{name}", re.IGNORECASE) for name in _RAW}
_BLOCKS: Final = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "form",
    }
    | {
        "footer",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "pre",
        "section",
        "table",
        "tbody",
        "tr",
        "ul",
    }
)
_PARAGRAPHS: Final = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6"})
_KEPT_OPEN: Final = frozenset(
    {
        "a",
        "article",
        "blockquote",
        "center",
        "div",
        "footer",
        "header",
        "ol",
        "pre",
        "section",
        "span",
        "table",
    }
    | {"td", "th", "ul"}
    | (_UNSHOWN - _RAW)
)
"""Elements whose end matters. Others are often not closed and would fill the stack."""


class Page(msgspec.Struct, frozen=True):
    lines: tuple[Line, ...]
    hidden: int
    """Characters that a reader of the mail does not see: preheaders, scripts, comments."""
    whole: bool

    @property
    def text(self) -> str:
        return "".join(line.text for line in self.lines)


def read(source: str) -> Page:
    return _Reader(source[:HTML_AT_MOST], whole=len(source) <= HTML_AT_MOST).page()


def text(source: str) -> str:
    return read(source).text


def pieces(source: str, mail: Mail | None = None) -> list[Piece]:
    """As `quotes.pieces` of the text, with what the HTML shows as further evidence. Together they are `text`."""
    return cut(read(source).lines, mail)


# What an element shows

_ATTRIBUTE: Final = re.compile(r"""([a-zA-Z][\w-]{0,30})\s{0,4}=\s{0,4}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_WORD_RULE: Final = re.compile(r"border:none;border-top:solid#?(?:e1e1e1|b5c4df|windowtext)")
_HIDES: Final = re.compile(
    r"display:none|visibility:hidden|max-height:0(?![.\d])|font-size:0(?![.\d])|opacity:0(?![.\d])"
)
_QUOTES: Final = frozenset(
    {"moz-cite-prefix", "yahoo_quoted", "gmail_attr", "protonmail_quote", "zmail_extra"}
)
_SIGNATURES: Final = frozenset(
    {"gmail_signature", "gmail_signature_prefix", "moz-signature", "protonmail_signature_block-user"}
)
_SIGNATURE_IDS: Final = frozenset({"ms-outlook-mobile-signature", "signature", "composer_signature"})
_RESTS: Final = frozenset(
    {"divrplyfwdmsg", "appendonsend", "mail-editor-reference-message-container", "olk_src_body_section"}
)


def _attributes(tag: str) -> dict[str, str]:
    found = _ATTRIBUTE.finditer(tag)
    return {name.lower(): _unescaped(a or b or c or "") for name, a, b, c in (one.groups() for one in found)}


def _shown_by(name: str, attributes: dict[str, str]) -> Sure:
    ids = attributes.get("id", "").lower().removeprefix("x_")
    names = {
        ids,
        *(one.removeprefix("x_") for one in attributes.get("class", "").lower().split()),
    }
    style = attributes.get("style", "").lower().replace(" ", "")
    if "moz-forward-container" in names:
        return "matter"
    if names & _SIGNATURES or ids in _SIGNATURE_IDS:
        return "signature"
    if names & _RESTS or (name == "div" and _WORD_RULE.search(style)):
        return "rest"
    cites = name == "blockquote" and (attributes.get("type", "").lower() == "cite" or "gmail_quote" in names)
    return "quote" if cites or names & _QUOTES else ""


def _is_hidden(attributes: dict[str, str]) -> bool:
    return _HIDES.search(attributes.get("style", "").lower().replace(" ", "")) is not None


def _unescaped(raw: str) -> str:
    try:
        return html.unescape(raw)
    except ValueError:  # a number of thousands of digits
        return raw


class Open(msgspec.Struct, frozen=True, gc=False):
    """An element that is open, with what it took over from those around it."""

    name: str
    arrows: int = 0
    sure: Sure = ""
    hidden: bool = False
    pre: bool = False
    href: str = ""


_NEXT_IN_TAG: Final = re.compile("[\"'>]")
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_NAME: Final = re.compile(r"/?([a-zA-Z][\w:-]{0,40})")


class _Reader:
    def __init__(self, source: str, whole: bool) -> None:
        self.source = source
        self.whole = whole
        self.lines: list[Line] = []
        self.line: list[str] = []  # what stands on the line so far
        self.inked = False  # something of it is seen
        self.size = 0
        self.hidden = 0
        self.open = [Open("")]
        self.open_of: Counter[str] = (
            Counter()
        )  # the stack by names, so that an end without a beginning costs nothing
        self.too_deep = 0
        self.rest: Sure = ""  # "rest" or "matter" for the next line
        self.link: list[str] | None = None
        self.tags_end = True  # a ">" stands further down

    def page(self) -> Page:
        at = 0
        while at < len(self.source) and self.size < TEXT_AT_MOST:
            at = self.step(at)
        self.whole = self.whole and at >= len(self.source)
        self.end_line()
        while self.lines and not self.lines[-1].text.strip("> \n"):
            self.lines.pop()
        return Page(tuple(self.lines), self.hidden, self.whole)

    # What stands at a place

    def step(self, at: int) -> int:
        source = self.source
        if source[at] != "<":
            end = source.find("<", at)
            end = len(source) if end < 0 else end
            self.words(source[at:end])
            return end
        if source.startswith("<!--", at):
            return self.skip(at, "-->")
        if source.startswith(("<!", "<?"), at):
            return self.skip(at, ">")
        name = _NAME.match(source, at + 1)
        end = self.end_of_tag(at + 1) if name else -1
        if name is None or end < 0:
            self.words("<")
            return at + 1
        element = name[1].lower()
        if source[at + 1] == "/":
            self.ends(element)
        elif element in _RAW:
            return self.raw(element, end)
        else:
            self.begins(element, source[name.end() : min(end, name.end() + _TAG_AT_MOST)])
        return end

    def raw(self, element: str, start: int) -> int:
        """Behind a script: it goes to its end tag, or to the end of the mail."""
        found = _RAW_ENDS[element].search(self.source, start)
        end = len(self.source) if found is None else found.start()
        self.hidden += end - start
        return end

    def skip(self, at: int, ending: str) -> int:
        end = self.source.find(ending, at + 2)
        end = len(self.source) if end < 0 else end + len(ending)
        self.hidden += end - at
        return end

    def end_of_tag(self, at: int) -> int:
        """Behind its ">", which is none inside quotes; -1 if there is none."""
        while self.tags_end and (found := _NEXT_IN_TAG.search(self.source, at)):
            at = found.end()
            if found[0] == ">":
                return at
            closing = self.source.find(found[0], at) if self.source[at - 2] == "=" else -1
            at = closing + 1 if closing >= 0 else at
        self.tags_end = False
        return -1

    # Elements

    def begins(self, name: str, tag: str) -> None:
        if name == "body":
            self.ends("head")  # it is often left open
        around = self.open[-1]
        if name == "br":
            self.end_line(blank=True)
            return
        if name in {"td", "th"} and self.inked:
            self.line.append(" | ")
        if name in _BLOCKS or name in _PARAGRAPHS:
            self.end_line()
        if name in _PARAGRAPHS or name == "blockquote":
            self.empty_line()
        if name == "li":
            self.line.append("- ")
            self.inked = True
        if name not in _KEPT_OPEN:
            return
        attributes = _attributes(tag)
        shown = _shown_by(name, attributes)
        if shown in {"rest", "matter"}:
            self.end_line()
            self.rest, shown = shown, ""
        if shown and shown != around.sure:
            self.end_line()
        if len(self.open) > DEPTH_AT_MOST:
            self.too_deep += 1
            return
        href = attributes.get("href", "")[:_LINK_AT_MOST] if name == "a" else around.href
        if name == "a":
            self.link = []
        self.open_of[name] += 1
        self.open.append(
            Open(
                name,
                min(around.arrows + (name == "blockquote"), ARROWS_AT_MOST),
                around.sure or shown,
                around.hidden or name in _UNSHOWN or _is_hidden(attributes),
                around.pre or name == "pre",
                href,
            )
        )

    def ends(self, name: str) -> None:
        if name in _BLOCKS or name in _PARAGRAPHS:
            self.end_line()
        if name in _PARAGRAPHS or name == "blockquote":
            self.empty_line()
        if name not in _KEPT_OPEN:
            return
        if self.too_deep:
            self.too_deep -= 1
            return
        if not self.open_of[name]:
            return
        at = len(self.open) - 1
        while self.open[at].name != name:
            at -= 1
        if name == "a":
            self.end_link(self.open[at].href)
        elif self.open[-1].sure != self.open[at - 1].sure:
            self.end_line()
        self.open_of.subtract(one.name for one in self.open[at:])
        del self.open[at:]

    def end_link(self, href: str) -> None:
        shown = _SPACE.sub(" ", "".join(self.link or ())).strip()
        self.link = None
        target = href.strip().removeprefix("mailto:")
        same = target.rstrip("/").split("://")[-1] == shown.rstrip("/").split("://")[-1]
        if shown and not same and href.strip().lower().startswith(("http:", "https:", "mailto:")):
            self.line.append(f" <{_SPACE.sub('', target)}>")

    # Text

    def words(self, raw: str) -> None:
        around = self.open[-1]
        if around.hidden:
            self.hidden += len(raw)
            return
        shown = _unescaped(raw).replace("\r\n", "\n").replace("\r", "\n")
        if around.pre:
            *before, shown = shown.split("\n")
            for line in before:
                self.line.append(line)
                self.end_line(blank=True)
        else:
            shown = _SPACE.sub(" ", shown)
        self.line.append(shown)
        self.inked = self.inked or not shown.isspace()
        if self.link is not None:
            self.link.append(shown)

    def end_line(self, *, blank: bool = False) -> None:
        """`blank`: even if nothing stands on it."""
        line = "".join(self.line)
        if not self.open[-1].pre:
            line = re.sub(" {2,}", " ", line).strip(" ")
        self.line = []
        self.inked = False
        if blank or line:
            self.put(line)

    def empty_line(self) -> None:
        if self.lines and self.lines[-1].text.strip("> \n"):
            self.put("")

    def put(self, line: str) -> None:
        around = self.open[-1]
        sure: Sure = around.sure
        if line and self.rest:
            sure, self.rest = self.rest, ""
        arrows = "> " * around.arrows
        room = max(0, TEXT_AT_MOST - self.size)
        for part in line.splitlines() or [""]:
            whole = (arrows + part + "\n")[:room]
            if whole:
                self.lines.append(Line(whole, sure))
            self.size += len(arrows) + len(part) + 1
            room = max(0, TEXT_AT_MOST - self.size)
