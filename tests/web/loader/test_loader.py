"""The loader in a real browser, on a host page with a strict CSP, with a frame that speaks the message union."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.loader.stage import APP, Stage, becomes_true

pytestmark = pytest.mark.browser


def test_nothing_but_the_loader_is_requested_before_the_first_click(stage: Stage) -> None:
    stage.visit()
    stage.page.wait_for_load_state("networkidle")
    assert [url for url in stage.requests if url.startswith("/")] == ["/widget.js"]
    stage.page.get_by_role("button", name="Ayuda", exact=True).click()
    stage.frame()
    assert [url for url in stage.requests if url.startswith("/")] == [
        "/widget.js",
        f"/embed/{APP}",
        "/stub.js",
    ]


def test_the_hosts_button_opens_and_gets_its_focus_back(stage: Stage) -> None:
    stage.visit()
    button = stage.page.locator("#host-help")
    button.click()
    expect(stage.page.get_by_title("Solicitar Soporte")).to_be_visible()
    assert stage.heard("panel")[-1]["open"] is True
    assert stage.focused() == "iframe"
    stage.say(type="close")
    expect(stage.page.get_by_title("Solicitar Soporte")).to_be_hidden()
    assert stage.focused() == "host-help"
    assert (len(stage.told("open")), len(stage.told("close"))) == (1, 1)


def test_a_button_added_later_goes_straight_to_a_new_ticket(stage: Stage) -> None:
    stage.visit()
    stage.page.evaluate(
        "() => { const it = document.createElement('a'); it.href = '/elsewhere'; it.textContent = 'Reportar';"
        " it.dataset.chatOpen = 'new'; it.onclick = (event) => event.stopPropagation(); document.body.append(it); }"
    )
    stage.page.get_by_text("Reportar").click()
    assert [it["view"] for it in stage.heard("go")] == ["new"]
    assert stage.page.url.partition("?")[0].endswith("/strict")


def test_the_launcher_says_what_it_does(stage: Stage) -> None:
    stage.visit()
    launcher = stage.page.get_by_role("button", name="Ayuda", exact=True)
    expect(launcher).to_have_attribute("aria-haspopup", "dialog")
    expect(launcher).to_have_attribute("aria-expanded", "false")
    box = launcher.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 44
    launcher.click()
    expect(launcher).to_have_attribute("aria-expanded", "true")
    stage.frame()
    launcher.click()
    expect(launcher).to_have_attribute("aria-expanded", "false")
    assert stage.focused() == "button"


def test_unread_messages_are_a_badge_and_a_name(stage: Stage) -> None:
    stage.visit()
    stage.page.locator("#host-help").click()
    stage.say(type="unread", count=2)
    launcher = stage.page.get_by_role("button", name="Ayuda, 2 mensajes sin leer", exact=True)
    expect(launcher).to_have_text("Ayuda2")
    stage.say(type="unread", count=1)
    expect(stage.page.get_by_role("button", name="Ayuda, 1 mensaje sin leer", exact=True)).to_be_visible()
    stage.say(type="unread", count=0)
    expect(stage.page.get_by_role("button", name="Ayuda", exact=True)).to_have_text("Ayuda")
    assert stage.told("unread") == [2, 1, 0]


def test_calls_from_before_the_script_are_done_in_their_order(stage: Stage) -> None:
    stage.page.add_init_script(
        "window.SupportChat = function () { (SupportChat.q = SupportChat.q || []).push(arguments); };"
        "SupportChat('update', { name: 'Ana', context: { plan: 'pro' } });"
        "SupportChat('setLocale', 'pt-BR'); SupportChat('newTicket', 'Fatura');"
        "SupportChat('on', 'ready', () => { window.wasReady = true; });"
    )
    stage.visit()
    boot = stage.heard("boot")[0]["options"]
    assert (boot["name"], boot["context"], boot["locale"]) == ("Ana", {"plan": "pro"}, "pt")
    assert boot["page"] == {"url": stage.page.url, "title": "Facturas"}
    assert stage.heard("go")[0]["subject"] == "Fatura"
    expect(stage.page.get_by_role("button", name="Ajuda", exact=True)).to_be_visible()
    assert stage.page.evaluate("wasReady") is True


def test_an_unknown_verb_warns_and_does_not_throw(stage: Stage) -> None:
    stage.visit()
    assert stage.call("fly") == "undefined"
    assert len(stage.warnings) == 1
    assert 'unknown verb "fly"' in stage.warnings[0]


def test_a_tag_without_an_app_says_once_which_line_to_write(stage: Stage) -> None:
    stage.visit(attributes="data-color=#123456")
    stage.page.locator("#host-help").click()
    assert len(stage.warnings) == 1
    assert f'<script async src="http://127.0.0.1:{stage.port}/widget.js" data-app="KEY">' in stage.warnings[0]
    assert stage.page.locator("iframe").count() == 0


def test_boot_and_shutdown_twice_leave_one_launcher_and_no_frame(stage: Stage) -> None:
    stage.visit()
    for _ in range(2):
        stage.call("boot", {"app": APP, "userToken": "header.payload.signature"})
        stage.call("boot", {"app": APP})
        stage.call("open")
        assert stage.heard("boot")[-1]["options"]["userToken"] == "header.payload.signature"
        stage.call("shutdown")
        expect(stage.page.locator("iframe")).to_have_count(0)
    expect(stage.page.get_by_role("button", name="Ayuda", exact=True)).to_have_count(1)
    stage.call("open")
    assert stage.heard("boot")[-1]["options"].get("userToken") is None


def test_shutdown_tells_the_frame_before_it_goes(stage: Stage) -> None:
    stage.visit()
    stage.call("open")
    stage.frame()
    # Said by the frame itself: asking it afterwards would be a race with its removal.
    with stage.page.expect_console_message(lambda message: message.text == "heard shutdown"):
        stage.call("shutdown")
    expect(stage.page.locator("iframe")).to_have_count(0)


def test_destroy_leaves_nothing(stage: Stage) -> None:
    stage.visit()
    devtools = stage.page.context.new_cdp_session(stage.page)
    ours: set[str] = set()
    devtools.on(
        "Debugger.scriptParsed", lambda it: ours.add(it["scriptId"]) if "/widget.js" in it["url"] else None
    )
    devtools.send("Debugger.enable")

    def listeners() -> set[str]:
        """What the loader listens to, on whichever of the two."""
        found = set()
        for target in ("window", "document"):
            handle = devtools.send("Runtime.evaluate", {"expression": target})["result"]["objectId"]
            told = devtools.send("DOMDebugger.getEventListeners", {"objectId": handle})["listeners"]
            found |= {it["type"] for it in told if it["scriptId"] in ours}
        return found

    stage.page.evaluate("() => { SupportChat('on', 'open', () => {}); }")
    assert listeners() == {"message", "click", "blur", "supportchat:open"}
    stage.call("open")
    stage.frame()
    stage.call("destroy")
    assert listeners() == set()
    assert stage.page.evaluate("[document.documentElement.children.length, 'SupportChat' in window]") == [
        2,
        False,
    ]


def test_messages_of_anybody_else_are_dropped(stage: Stage) -> None:
    stage.visit(kind="lenient")
    stage.page.locator("#host-help").click()
    frame = stage.frame()
    stage.page.evaluate(
        "(url) => { window.others = 0;"
        " addEventListener('message', (event) => { others += event.data?.count === 66; });"
        " const sibling = document.createElement('iframe'); sibling.id = 'sibling'; sibling.src = url;"
        " document.body.append(sibling); }",
        f"http://127.0.0.1:{stage.port}/embed/mute?host=http://localhost:{stage.port}",
    )
    sibling = stage.page.frame_locator("#sibling").locator("body")
    bad = "() => parent.postMessage({ chat: 1, type: 'unread', count: 66 }, '*')"
    sibling.evaluate(bad)  # our origin, another window
    stage.page.evaluate("() => postMessage({ chat: 1, type: 'unread', count: 66 }, '*')")  # the host itself
    for shape in (
        '{ type: "unread", count: 66 }',
        '{ chat: 1, type: "unread", count: "66" }',
        '"hello"',
        "null",
    ):
        frame.evaluate(f"() => parent.postMessage({shape}, '*')")
    becomes_true(stage.page, "others === 3")
    stage.say(type="unread", count=1)
    stage.wait_told("unread")
    assert stage.told("unread") == [1]

    # Our window, another origin: the frame was led elsewhere.
    stage.lead_frame_to(f"http://localhost:{stage.port}/embed/mute").evaluate(bad)
    becomes_true(stage.page, "others === 4")
    assert stage.told("unread") == [1]


def test_nothing_is_told_to_a_frame_that_was_led_elsewhere(stage: Stage) -> None:
    stage.visit(kind="lenient")
    stage.call("open")
    stage.frame()
    frame = stage.lead_frame_to(
        f"http://localhost:{stage.port}/embed/mute?host=http://localhost:{stage.port}"
    )
    stage.call("update", {"userToken": "header.payload.signature"})
    stage.call("showTicket", 12)
    # A message of the host's own, after the loader's: once it is there, theirs would be too.
    stage.page.evaluate(
        "() => document.documentElement.lastElementChild.shadowRoot.querySelector('iframe')"
        ".contentWindow.postMessage('last', '*')"
    )
    becomes_true(frame, "heard.length > 0")
    assert frame.evaluate("heard") == ["last"]


def test_an_open_ticket_brings_the_frame_back_unseen_on_the_next_page(stage: Stage) -> None:
    stage.visit()
    stage.page.locator("#host-help").click()
    stage.say(type="keep", keep=True)
    becomes_true(stage.page, "(key) => localStorage[key] === '1'", arg=f"supportchat:{APP}")
    stage.visit()
    stage.say(type="unread", count=3)
    expect(stage.page.get_by_role("button", name="Ayuda, 3 mensajes sin leer")).to_be_visible()
    expect(stage.page.locator("iframe")).to_be_hidden()
    assert stage.heard("panel")[-1]["open"] is False
    stage.say(type="keep", keep=False)
    becomes_true(stage.page, "localStorage.length === 0")


def test_a_frame_that_does_not_answer_is_an_event_and_a_later_click_tries_again(stage: Stage) -> None:
    stage.page.clock.install()
    stage.visit(attributes="data-app=mute")
    launcher = stage.page.get_by_role("button", name="Ayuda", exact=True)
    for attempt in (1, 2):
        launcher.click()
        stage.page.clock.fast_forward(10_000)
        assert stage.told("error") == [{"code": "frame_blocked"}] * attempt
        expect(launcher).to_have_attribute("aria-expanded", "false")
        assert len(stage.warnings) == attempt
        stage.page.clock.fast_forward(1_000)
        expect(stage.page.locator("iframe")).to_have_count(0)


def test_tokens_come_from_the_callback_and_never_stand_in_an_address(stage: Stage) -> None:
    stage.visit()
    stage.page.evaluate(
        "() => { let count = 0; SupportChat('update', { getUserToken: async () => `secret-${++count}` }); }"
    )
    stage.call("open")
    assert stage.heard("boot")[0]["options"]["userToken"] == "secret-1"
    stage.say(type="needUserToken", id=7)
    becomes_true(stage.frame(), "heard.some((it) => it.type === 'userToken')")
    answer = stage.heard("userToken")[0]
    assert (answer["id"], answer["token"]) == (7, "secret-2")
    assert not any("secret" in frame.url for frame in stage.page.frames)


def test_an_answer_for_somebody_who_has_signed_out_is_not_passed_on(stage: Stage) -> None:
    stage.visit()
    stage.page.evaluate(
        "() => SupportChat('update', { userToken: 'a',"
        " getUserToken: () => new Promise((resolve) => { window.answer = resolve; }) })"
    )
    stage.call("open")
    stage.say(type="needUserToken", id=1)
    becomes_true(stage.page, "!!window.answer")
    stage.call("shutdown")
    expect(stage.page.locator("iframe")).to_have_count(0)
    stage.call("open")
    stage.frame()
    stage.page.evaluate("() => answer('late')")
    stage.call("showTickets")
    becomes_true(stage.frame(), "heard.some((it) => it.type === 'go')")
    assert stage.heard("userToken") == []


def test_the_host_page_does_not_move(stage: Stage) -> None:
    stage.visit()
    measure = "() => [document.body, document.querySelector('h1')].map((it) => JSON.stringify(it.getBoundingClientRect()))"
    before = stage.page.evaluate(measure)
    names = stage.page.evaluate("Object.keys(window).filter((it) => /chat/i.test(it))")
    stage.page.locator("#host-help").click()
    stage.frame()
    assert stage.page.evaluate(measure) == before
    assert stage.page.evaluate("shifts") == 0
    assert stage.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert names == ["SupportChat"]


@pytest.mark.parametrize(
    ("width", "height", "full"), [(320, 640, True), (1280, 900, False), (1280, 500, False)]
)
def test_the_panel_fits_the_screen(stage: Stage, width: int, height: int, full: bool) -> None:
    stage.page.set_viewport_size({"width": width, "height": height})
    stage.page.emulate_media(reduced_motion="reduce")
    stage.visit()
    stage.page.locator("#host-help").click()
    stage.frame()
    box = stage.page.locator("iframe").bounding_box()
    assert box is not None
    if full:
        assert box == {"x": 0, "y": 0, "width": width, "height": height}
    else:
        assert (box["width"], box["height"]) == (380, min(680, height - 32))
        assert box["x"] + box["width"] == width - 16
        assert box["y"] >= 16


def test_the_hosts_styles_do_not_reach_the_launcher(stage: Stage) -> None:
    stage.visit()
    launcher = stage.page.get_by_role("button", name="Ayuda", exact=True)
    before = launcher.bounding_box()
    stage.visit(kind="hostile")
    expect(launcher).to_be_visible()
    assert launcher.bounding_box() == before
    assert stage.page.evaluate("getComputedStyle(document.querySelector('h1')).fontSize") == "60px"


@pytest.mark.parametrize(
    "color", ["#ffffff", "#000000", "#ff6600", "#767676", "#00c853", "#1e40af", "#757575"]
)
def test_the_text_is_readable_on_every_colour(stage: Stage, color: str) -> None:
    stage.visit(attributes=f"data-app={APP} data-color={color.replace('#', '%23')}")
    stage.call("update", {"color": color})
    ink = stage.page.get_by_role("button", name="Ayuda", exact=True).evaluate(
        "(it) => getComputedStyle(it).color"
    )
    light = 1.0 if ink == "rgb(255, 255, 255)" else 0.0
    assert _contrast(light, _luminance(color)) >= 4.5


def _luminance(color: str) -> float:
    def linear(value: float) -> float:
        return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_show_and_hide_are_about_the_launcher_alone(stage: Stage) -> None:
    stage.visit(attributes=f"data-app={APP} data-launcher=none")
    launcher = stage.page.get_by_role("button", name="Ayuda", exact=True)
    expect(launcher).to_be_hidden()
    stage.call("show")
    expect(launcher).to_be_visible()
    stage.call("hide")
    expect(launcher).to_be_hidden()
    stage.call("open")
    expect(stage.page.get_by_title("Solicitar Soporte")).to_be_visible()


def test_running_the_tag_twice_keeps_the_first(stage: Stage) -> None:
    stage.visit(kind="lenient")
    stage.page.evaluate(
        "(src) => new Promise((resolve) => { const it = document.createElement('script'); it.src = src;"
        " it.dataset.app = 'other'; it.onload = resolve; document.head.append(it); })",
        f"http://127.0.0.1:{stage.port}/widget.js",
    )
    expect(stage.page.get_by_role("button", name="Ayuda", exact=True)).to_have_count(1)
    stage.call("open")
    stage.frame()
    assert f"/embed/{APP}" in stage.requests


def test_focus_stays_in_a_field_of_the_hosts(stage: Stage) -> None:
    stage.visit()
    stage.page.locator("#host-help").click()
    stage.frame()
    stage.page.locator("#field").focus()
    stage.call("close")
    assert stage.focused() == "field"
