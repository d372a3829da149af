import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, test } from "node:test";
import { accentFrom } from "../../src/ui/color";
import { errorText, locale, plural, t, words } from "../../src/ui/i18n";
import { linkParts } from "../../src/ui/links";
import { clockTime, dayName, duration, minutesSeconds, when } from "../../src/ui/time";

const catalogue = (language: string): Record<string, string> =>
  Object.assign(
    {},
    ...["common", "widget", "after"].map((name) =>
      JSON.parse(
        readFileSync(
          path.join(process.cwd(), "..", "chatserver", "locale", language, `${name}.json`),
          "utf8",
        ),
      ),
    ),
  );

const use = (language: string) => {
  words.value = catalogue(language);
  locale.value = language;
};

beforeEach(() => use("es"));

test("every language has the same words with the same placeholders", () => {
  const holes = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  const es = catalogue("es");
  for (const language of ["en", "pt"]) {
    const other = catalogue(language);
    assert.deepEqual(Object.keys(other), Object.keys(es));
    for (const key of Object.keys(es)) {
      assert.deepEqual(holes(other[key] ?? ""), holes(es[key] ?? ""), `${language} ${key}`);
    }
  }
});

test("plurals follow the language's own rule", () => {
  assert.equal(plural("after.stars", 1), "1 estrella");
  assert.equal(plural("after.stars", 5), "5 estrellas");
  use("en");
  assert.equal(plural("after.stars", 1), "1 star");
});

test("a missing word shows its key, a missing value its hole, an unknown refusal the general sentence", () => {
  assert.equal(t("widget.nothing"), "widget.nothing");
  assert.equal(t("widget.follows", {}), "Continúa el ticket #{number}.");
  assert.equal(errorText("never_heard_of"), t("error.internal"));
});

test("what stands in a value is text, not another placeholder", () => {
  assert.equal(t("widget.you_said", { text: "{number} $& $1" }), "Tú: {number} $& $1");
});

const links = (text: string) => linkParts(text).filter((part) => part.href);

test("only web and mail addresses become links, without the sentence's full stop", () => {
  assert.deepEqual(links("Mira https://a.test/x(1). Y (www.b.test), o a@b.co"), [
    { text: "https://a.test/x(1)", href: "https://a.test/x(1)" },
    { text: "www.b.test", href: "https://www.b.test" },
    { text: "a@b.co", href: "mailto:a@b.co" },
  ]);
});

test("a sign that turns letters around ends a link, and what stands there is all there is of it", () => {
  for (const sign of "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") {
    const text = `https://a.example/${sign}gnp.exe www.b.test${sign}/x`;
    assert.deepEqual(links(text), [
      { text: "https://a.example/", href: "https://a.example/" },
      { text: "www.b.test", href: "https://www.b.test" },
    ]);
    assert.equal(
      linkParts(text)
        .map((part) => part.text)
        .join(""),
      text,
    );
  }
  assert.equal(
    links("https://es.wikipedia.org/wiki/Ñandú–Emú")[0]?.text,
    "https://es.wikipedia.org/wiki/Ñandú–Emú",
  );
});

test("a link is called by the host that a browser would ask for, the rest of it as it was written", () => {
  const shown = (text: string) =>
    linkParts(text)
      .map((part) => part.text)
      .join("");
  const same = ["https://a.test/ñandú?q=é#ü", "HTTPS://A.test", "a@b.co", "www.b.test", "https://a.test:80/"];
  for (const text of same) assert.equal(shown(text), text);
  assert.equal(shown("https://аррӏе.com/ñ"), "https://xn--80ak6aa92e.com/ñ");
  assert.equal(shown("Mira www.аррӏе.com."), "Mira www.xn--80ak6aa92e.com.");
  assert.equal(
    shown("https://аррӏе.com@malo.example/x"),
    "https://malo.example/x",
    "who is named is no host",
  );
  assert.equal(shown("https://a．test/x"), "https://a.test/x");
  assert.equal(
    shown("ana@exſmple.com"),
    "ana@exſmple.com",
    "an address of a person has no host that is asked",
  );
});

test("nothing that could run becomes a link", () => {
  for (const text of [
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>1</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "xhttps://a.test",
    "\u202ehttps:\u202c//a.test",
    "https://",
  ]) {
    assert.deepEqual(links(text), [], text);
  }
});

test("the pieces are the text, whatever it is", () => {
  for (const text of [
    "",
    '<b>x</b> https://a.test"onclick=',
    "a@b.co,https://x.y;mailto:q@r.st",
    "@@@ http://[ x",
  ]) {
    assert.equal(
      linkParts(text)
        .map((part) => part.text)
        .join(""),
      text,
    );
  }
});

/** WCAG's contrast ratio, 1 to 21. */
function contrast(a: number[], b: number[]): number {
  const light = (part: number) =>
    part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([red = 0, green = 0, blue = 0]: number[]) =>
    light(red) * 0.2126 + light(green) * 0.7152 + light(blue) * 0.0722;
  const [low = 0, high = 0] = [luminance(a) + 0.05, luminance(b) + 0.05].sort((x, y) => x - y);
  return high / low;
}

/** "#rrggbb" or "rgb(r,g,b)" as three numbers. */
const parts = (css: string) =>
  css.startsWith("#")
    ? [1, 3, 5].map((at) => Number.parseInt(css.slice(at, at + 2), 16))
    : (css.match(/\d+/g) ?? []).map(Number);

test("every colour of a host carries a text that can be read", () => {
  for (let hue = 0; hue < 4096; hue++) {
    const color = `#${[hue >> 8, (hue >> 4) & 15, hue & 15].map((part) => (part * 17).toString(16).padStart(2, "0")).join("")}`;
    const accent = accentFrom(color);
    assert.ok(
      accent &&
        contrast(parts(accent.fill), parts(accent.fill && accent.ink === "#fff" ? "#ffffff" : accent.ink)) >=
          4.5,
      color,
    );
  }
  assert.equal(accentFrom("red; background: url(x)"), null);
});

test("times are said as people say them", () => {
  const now = new Date(2026, 2, 4, 10).getTime();
  const at = (day: number, hour: number) => new Date(2026, 2, day, hour).getTime();
  assert.match(when(at(4, 14), now), /^hoy a las 2:00/);
  assert.match(when(at(5, 8), now), /^mañana a las 8:00/);
  assert.match(when(at(9, 8), now), /^el lunes a las 8:00/);
  assert.equal(dayName(at(4, 1), now), "Hoy");
  assert.equal(dayName(at(3, 23), now), "Ayer");
  assert.equal(dayName(at(2, 9), now), "Lunes");
  assert.equal(duration(30), "menos de 1 min");
  assert.equal(duration(200), "4 min");
  assert.equal(minutesSeconds(42), "0:42");
});

test("the halves of a day are written in one manner, in any zone, whatever the browser's own is", () => {
  const noon = Date.UTC(2026, 2, 4, 12);
  assert.equal(clockTime(noon, "America/Bogota").replaceAll("\u00a0", " "), "7:00 a. m.");
  assert.equal(clockTime(noon, "Asia/Tokyo").replaceAll("\u00a0", " "), "9:00 p. m.");
  use("en");
  assert.match(clockTime(noon, "America/Bogota"), /^7:00\sAM$/);
  use("pt");
  assert.equal(clockTime(noon, "Asia/Tokyo"), "21:00");
  use("es");
});

test("one o'clock is singular where the language says so, by the hour as it is written", () => {
  const now = new Date(2026, 2, 4, 0).getTime();
  const said = (language: string, hour: number) => {
    use(language);
    return when(new Date(2026, 2, 4, hour).getTime(), now);
  };
  assert.match(said("es", 1), /^hoy a la 1:00/);
  assert.match(said("es", 13), /^hoy a la 1:00/);
  assert.match(said("es", 2), /^hoy a las 2:00/);
  assert.match(said("es", 12), /^hoy a las 12:00/);
  assert.equal(said("pt", 1), "hoje à 1:00");
  assert.equal(said("pt", 13), "hoje às 13:00");
  assert.match(said("en", 13), /^today at 1:00/);
  use("es");
  assert.match(when(new Date(2026, 2, 5, 13).getTime(), now), /^mañana a la 1:00/);
  assert.match(when(new Date(2026, 2, 9, 1).getTime(), now), /^el lunes a la 1:00/);
});
