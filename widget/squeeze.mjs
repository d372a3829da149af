// What the build does so that the widget stays small while its sources stay readable: see docs/performance.md, "Widget weight".

import esbuild from "esbuild";
import { minify } from "terser";

/**
 * Properties of the frame's connection, state and views that never leave its script. Whatever a frame, a message, the storage or the
 * browser calls so must not stand here; nor what line.js, which is built apart, says to the connection.
 */
const OWN = (
  "ask bubble bubbles busy close_at discard downSince earlier fill flow hello ink interrupt kept live loaded look opening " +
  "own owner peek pending person phase post receive refused restore retry rooms route sign stale stopped timers typing " +
  "wake warn_at welcome"
).split(" ");

/** Throws when `declarations` (TypeScript) have a field of such a name. */
export function checkOwn(declarations) {
  const taken = OWN.find((name) => new RegExp(`[\\s{;]${name}\\??:`).test(declarations));
  if (taken) throw new Error(`squeeze.mjs gives "${taken}" another name in the widget, but others know it`);
}

/**
 * A bundle as esbuild left it, made smaller. `names`: what properties were renamed to, filled as it goes: scripts that are given the
 * same one understand each other, and the names of the frame's own properties are short in them.
 */
export async function squeezeScript(code, names) {
  const { code: smaller } = await minify(code, {
    ecma: 2020,
    toplevel: true,
    module: names !== undefined,
    nameCache: names && Object.assign(names, { vars: undefined }),
    // Preact keeps its own properties apart from others by two underscores.
    mangle: { properties: { regex: new RegExp(`^(?:__[a-zA-Z]${names ? `|${OWN.join("|")}` : ""})$`) } },
    compress: {
      passes: 3,
      pure_getters: true,
      unsafe_arrows: true,
      inline: 2,
      // Only numbers are compared here by their size: none is NaN, none undefined.
      unsafe_comps: true,
      keep_fargs: false,
    },
  });
  return smaller;
}

const FACES = "widget|common|error|after|files|form|hints|courtesy|stop";
const KEY = new RegExp(`(["'\`])((?:${FACES})\\.[\\w.]+)\\1`, "g");
/** The beginning of a key whose end is known at run time: `error.${code}`. */
const FAMILY = new RegExp(`\`((?:${FACES})\\.[\\w.]*)\\$\\{`, "g");
const FACE = /^widget\./;
const PLURAL = /\.(?:zero|one|two|few|many|other)$/;

const isPluralOf = (literal, key) => PLURAL.test(key) && literal.has(key.replace(PLURAL, ""));

/**
 * Short names for the catalogue's keys that stand whole in the scripts. Returns the scripts with them, `rename`, which renames
 * a catalogue, and `asked`, which says whether one of these scripts asks for a key. Families of keys keep their names, but for the
 * "widget." that goes without saying.
 */
export function shortenKeys(scripts, keys) {
  const find = (pattern, at) =>
    scripts.flatMap((code) => [...code.matchAll(pattern)].map((match) => match[at]));
  const families = find(FAMILY, 1);
  const literal = new Set(find(KEY, 2));
  const kept = (key) => families.some((family) => key.startsWith(family)) || isPluralOf(literal, key);
  const short = new Map();
  for (const key of keys) {
    // A key that is asked for both whole and as one of a family keeps its name.
    if (literal.has(key) && !kept(key)) short.set(key, short.size.toString(36));
  }
  return {
    scripts: scripts.map((code) =>
      code
        .replace(KEY, (_whole, quote, key) => quote + (short.get(key) ?? key.replace(FACE, "")) + quote)
        .replace(FAMILY, (head) => head.replace("widget.", "")),
    ),
    rename: (words) =>
      Object.fromEntries(
        Object.entries(words).map(([key, text]) => [short.get(key) ?? key.replace(FACE, ""), text]),
      ),
    asked: (key) => literal.has(key) || kept(key),
  };
}

const TOKEN = /(--[a-z][\w-]*):([^;{}]+);?/g;

/**
 * Style sheets of one page with fewer and shorter custom properties: one that has the same value everywhere (light and dark) gives its
 * value to who refers to it, one that nobody refers to is dropped. Those that a script sets stay as they are.
 */
export async function squeezeTokens(sheets, scripts) {
  const values = new Map();
  for (const [, name, value] of sheets.join("").matchAll(TOKEN))
    values.set(name, [...(values.get(name) ?? []), value]);
  const set = (name) => scripts.some((script) => script.includes(name));
  const constant = (name) => values.get(name)?.length === 1 && !set(name);
  const resolve = (text) =>
    text.replace(/var\((--[\w-]+)\)/g, (whole, name) =>
      constant(name) ? resolve(values.get(name)[0]) : whole,
    );
  const resolved = sheets.map((css) =>
    resolve(css.replace(TOKEN, (whole, name) => (constant(name) ? "" : whole))),
  );
  const used = new Set([...resolved.join("").matchAll(/var\((--[\w-]+)/g)].map((match) => match[1]));
  const short = [...used].filter((name) => !set(name));
  const named = resolved.map((css) =>
    css
      .replace(TOKEN, (whole, name) => (used.has(name) ? whole : ""))
      .replace(/--[a-z][\w-]*/g, (name) =>
        short.includes(name) ? `--${short.indexOf(name).toString(36)}` : name,
      ),
  );
  const minified = named.map((css) => esbuild.transform(css, { loader: "css", minify: true }));
  return (await Promise.all(minified)).map(({ code }) => code);
}

/** A class attribute (or `look`, a Button's): a string, or a template whose holes choose between strings. */
const CLASSES = /\b(?:class|look):(?:"[^"]*"|`[^`]*`)/g;
const HOLE = /(\$\{[^}]*\})/;
const WORD = /[a-z][\w-]*/g;
/** Names within a text between quotes, or within the strings of a hole. */
const renameWords = (text, rename) => text.replace(WORD, rename);
const renameStrings = (code, rename) => code.replace(/"[^"]*"/g, (string) => renameWords(string, rename));

function renameClasses(attribute, rename) {
  const value = attribute.indexOf(":") + 1;
  const parts = attribute.slice(value).split(HOLE);
  const renamed = parts.map((part, i) => (i % 2 ? renameStrings : renameWords)(part, rename));
  return attribute.slice(0, value) + renamed.join("");
}

/** a, b, … z, ba, bb, … */
const letters = (n) => (n > 25 ? letters(Math.floor(n / 26)) : "") + String.fromCharCode(97 + (n % 26));

/** Scripts and style sheets of one page with short names for the classes that stand in both. One that data chooses keeps its name. */
export function shortenClasses(scripts, sheets) {
  const inScripts = new Set();
  for (const [attribute] of scripts.join("\n").matchAll(CLASSES))
    renameClasses(attribute, (name) => inScripts.add(name) && name);
  const short = new Map();
  const renamed = sheets.map((css) =>
    css.replace(/[^{}]*\{/g, (selector) =>
      selector.replace(/\.([a-z][\w-]*)/g, (whole, name) => {
        if (!inScripts.has(name)) return whole;
        if (!short.has(name)) short.set(name, letters(short.size));
        return `.${short.get(name)}`;
      }),
    ),
  );
  const rename = (name) => short.get(name) ?? name;
  return {
    sheets: renamed,
    scripts: scripts.map((code) => code.replace(CLASSES, (attribute) => renameClasses(attribute, rename))),
  };
}
