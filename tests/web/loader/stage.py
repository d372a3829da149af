"""A host page and a chat server of one file each, on two origins, for the loader to stand between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from playwright.sync_api import Frame, Page, Request

from tests.harness.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
LOADER = ROOT / "static" / "build" / "widget.js"
TEMPLATES = Environment(
    loader=FileSystemLoader(ROOT / "chatserver" / "web" / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
)
APP = "demo_key"
FRAME = "iframe[allow]"

HOST_PAGE = """<!doctype html><html lang="es"><head><title>Facturas</title>
<link rel="stylesheet" href="/host.css">
<script async src="{chat}/widget.js" {attributes}></script></head>
<body><h1>Facturas</h1><button id="host-help" data-chat-open>Soporte</button>
<button id="host-new" data-chat-open="new">Nuevo</button><input id="field" aria-label="Buscar"></body></html>"""

# All that a host has to allow, and nothing inline.
HOST_CSP = (
    "default-src 'none'; script-src {own}{chat}; connect-src {chat}; frame-src {chat}; style-src 'self'; img-src 'self'; "
    "require-trusted-types-for 'script'; base-uri 'none'"
)

# What hosts do to pages, without meaning us.
HOSTILE_CSS = (
    "div, iframe, button, span { display: none !important; opacity: 0 !important; position: static !important;"
    " transform: scale(2) !important } * { font-size: 60px !important; z-index: -1 !important }"
)

STUB_FRAME = """<!doctype html><html lang="es"><title>Chat</title><body><button>Cerrar</button>
<script src="/stub.js"></script></body></html>"""
STUB_SCRIPT = """
const host = new URLSearchParams(location.search).get("host");
window.heard = [];
addEventListener("message", (event) => {
  if (event.source === parent && event.origin === host) { heard.push(event.data); console.debug(`heard ${event.data.type}`); }
});
window.say = (message) => parent.postMessage({ chat: 1, ...message }, host);
if (!location.pathname.endsWith("/mute")) say({ type: "hello" });
"""

WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
window.shifts = 0;
new PerformanceObserver((list) => { shifts += list.getEntries().length; })
  .observe({ type: "layout-shift", buffered: true });
window.told = [];
for (const name of ["ready", "open", "close", "unread", "messageReceived", "error"])
  document.addEventListener("supportchat:" + name, (event) => told.push([name, event.detail]));
"""


def _demo_page(chat: str) -> str:
    return TEMPLATES.get_template("demo.html").render(
        lang="es",
        script_url=f"{chat}/widget.js",
        app_key=APP,
        icon="/static/icon.svg",
        demo_css="/static/demo.css",
        demo_js="/static/demo.js",
        other_url="/demo?app=horario",
        other_label="Con horario",
        console_url="/console",
        console_label="Consola de agentes",
        about="Cuadra es un producto inventado.",
    )


def becomes_true(page: Page | Frame, expression: str, arg: object = None) -> None:
    """Asked for from outside: what Playwright repeats within a page its policy may forbid (`unsafe-eval`)."""
    wait_until(partial(page.evaluate, expression, arg), expression)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        chat = f"http://127.0.0.1:{self.connection.getsockname()[1]}"
        headers = {}
        if path == "/widget.js":
            kind, body = "text/javascript", LOADER.read_text()
        elif path == "/stub.js":
            kind, body = "text/javascript", STUB_SCRIPT
        elif path.startswith("/embed/"):
            kind, body = "text/html", STUB_FRAME
        elif path in ("/host.css", "/hostile.css"):
            kind, body = "text/css", "body { margin: 24px }"
        elif path in ("/strict", "/lenient", "/hostile"):
            kind, body = "text/html", HOST_PAGE.format(chat=chat, attributes=query.replace("%20", " "))
            if path != "/lenient":
                headers["Content-Security-Policy"] = HOST_CSP.format(chat=chat, own="")
            if path == "/hostile":
                body = body.replace("/host.css", "/bad.css")
        elif path == "/demo":
            kind, body = "text/html", _demo_page(chat)
            headers["Content-Security-Policy"] = HOST_CSP.format(chat=chat, own="'self' ")
        elif path in ("/static/demo.css", "/static/demo.js"):
            kind, body = (
                f"text/{path.rpartition('.')[2].replace('js', 'javascript')}",
                (ROOT / path[1:]).read_text(),
            )
        elif path == "/bad.css":
            kind, body = "text/css", HOSTILE_CSS
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""


@contextmanager
def serving() -> Iterator[int]:
    """One server under two names: `localhost` is the host's origin, `127.0.0.1` the chat's. Gives the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Stage:
    """A host page in the browser, and what a test asks of it."""

    page: Page
    port: int

    def __post_init__(self) -> None:
        self.requests: list[str] = []
        self.warnings: list[str] = []
        self.errors: list[str] = []
        self.page.add_init_script(WATCH)
        self.page.on("request", self._requested)
        self.page.on("console", lambda it: self.warnings.append(it.text) if it.type == "warning" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _requested(self, request: Request) -> None:
        self.requests.append(request.url.partition("?")[0].removeprefix(f"http://127.0.0.1:{self.port}"))

    def visit(self, attributes: str = f"data-app={APP}", kind: str = "strict") -> None:
        """Open a host page whose script tag has these attributes, and wait until the SDK is there."""
        self.page.goto(f"http://localhost:{self.port}/{kind}?{attributes.replace(' ', '%20')}")
        becomes_true(self.page, "window.SupportChat?.live")

    def call(self, verb: str, *args: Any) -> Any:
        return self.page.evaluate(
            "([verb, args]) => { const it = SupportChat(verb, ...args); return it?.then ? 0 : typeof it; }",
            [verb, list(args)],
        )

    def frame(self) -> Frame:
        """The chat's frame on the page, once it has got its boot."""
        element = self.page.wait_for_selector(FRAME, state="attached")
        assert element is not None
        frame = element.content_frame()
        assert frame is not None
        becomes_true(frame, "window.heard?.some((it) => it.type === 'panel')")
        return frame

    def lead_frame_to(self, url: str) -> Frame:
        """Navigate the chat's frame away, as a bad link in it would, and wait for the stub's script there."""
        self.page.evaluate(
            "(url) => { document.documentElement.lastElementChild.shadowRoot.querySelector('iframe').src = url; }",
            url,
        )
        element = self.page.wait_for_selector(FRAME)
        assert element is not None
        frame = element.content_frame()
        assert frame is not None
        frame.wait_for_url(url)
        becomes_true(frame, "!!window.say")
        return frame

    def heard(self, kind: str) -> list[dict[str, Any]]:
        """What the frame was told, of one type of message."""
        found: list[dict[str, Any]] = self.frame().evaluate(
            "(kind) => heard.filter((it) => it.type === kind)", kind
        )
        return found

    def say(self, **message: Any) -> None:
        self.frame().evaluate("(message) => say(message)", message)

    def told(self, name: str) -> list[Any]:
        """The details of the DOM events of this name, so far."""
        found: list[Any] = self.page.evaluate(
            "(name) => told.filter((it) => it[0] === name).map((it) => it[1])", name
        )
        return found

    def wait_told(self, name: str) -> None:
        becomes_true(self.page, "(name) => told.some((it) => it[0] === name)", arg=name)

    def focused(self) -> str:
        """The id or the tag of what has the focus, inside shadow roots too."""
        found: str = self.page.evaluate(
            "() => { let it = document.activeElement; while (it.shadowRoot?.activeElement)"
            " it = it.shadowRoot.activeElement; return it.id || it.localName; }"
        )
        return found
