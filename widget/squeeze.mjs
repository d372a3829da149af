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

/** A bundle as esbuild left it, made smaller; `own`: also the names of the frame's own properties. */
export async function squeezeScript(code, own = false) {
  const { code: smaller } = await minify(code, {
    ecma: 2020,
    toplevel: true,
    // Preact keeps its own properties apart from others by two underscores.
    mangle: { properties: { regex: new RegExp(`^(?:__[a-zA-Z]${own ? `|${OWN.join("|")}` : ""})$`) } },
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

const KEY = /(["'`])((?:widget|common|error)\.[\w.]+)\1/g;
/** The beginning of a key whose end is known at run time: `error.${code}`. */
const FAMILY = /`((?:widget|common|error)\.[\w.]*)\$\{/g;
const FACE = /^widget\./;
const PLURAL = /\.(?:zero|one|two|few|many|other)$/;

const isPluralOf = (literal, key) => PLURAL.test(key) && literal.has(key.replace(PLURAL, ""));

/**
 * Short names for the catalogue's keys that stand whole in the script. Returns the script with them, and a function that renames
 * a catalogue. Families of keys keep their names, but for the "widget." that goes without saying. Throws for a key that the
 * script does not know: nobody would ever read it.
 */
export function shortenKeys(code, catalogue) {
  const families = [...code.matchAll(FAMILY)].map((match) => match[1]);
  const literal = new Set([...code.matchAll(KEY)].map((match) => match[2]));
  const short = new Map();
  for (const key of Object.keys(catalogue)) {
    // A key that is asked for both whole and as one of a family keeps its name.
    if (families.some((family) => key.startsWith(family)) || isPluralOf(literal, key)) continue;
    if (!literal.has(key)) throw new Error(`no script asks for the word "${key}"`);
    short.set(key, short.size.toString(36));
  }
  return {
    script: code
      .replace(KEY, (_whole, quote, key) => quote + (short.get(key) ?? key.replace(FACE, "")) + quote)
      .replace(FAMILY, (head) => head.replace("widget.", "")),
    rename: (words) =>
      Object.fromEntries(
        Object.entries(words).map(([key, text]) => [short.get(key) ?? key.replace(FACE, ""), text]),
      ),
  };
}

const TOKEN = /(--[a-z][\w-]*):([^;{}]+);?/g;

/**
 * The style sheet with fewer and shorter custom properties: one that has the same value everywhere (light and dark) gives its
 * value to who refers to it, one that nobody refers to is dropped. Those that the script sets stay as they are.
 */
export async function squeezeTokens(css, script) {
  const values = new Map();
  for (const [, name, value] of css.matchAll(TOKEN)) values.set(name, [...(values.get(name) ?? []), value]);
  const constant = (name) => values.get(name)?.length === 1 && !script.includes(name);
  const resolve = (text) =>
    text.replace(/var\((--[\w-]+)\)/g, (whole, name) =>
      constant(name) ? resolve(values.get(name)[0]) : whole,
    );
  const resolved = resolve(css.replace(TOKEN, (whole, name) => (constant(name) ? "" : whole)));
  const used = new Set([...resolved.matchAll(/var\((--[\w-]+)/g)].map((match) => match[1]));
  const short = [...used].filter((name) => !script.includes(name));
  const named = resolved
    .replace(TOKEN, (whole, name) => (used.has(name) ? whole : ""))
    .replace(/--[a-z][\w-]*/g, (name) =>
      short.includes(name) ? `--${short.indexOf(name).toString(36)}` : name,
    );
  return (await esbuild.transform(named, { loader: "css", minify: true })).code;
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

/** Script and style sheet with short names for the classes that stand in both. One that data chooses keeps its name. */
export function shortenClasses(script, css) {
  const inScript = new Set();
  for (const [attribute] of script.matchAll(CLASSES))
    renameClasses(attribute, (name) => inScript.add(name) && name);
  const short = new Map();
  const selectors = css.replace(/[^{}]*\{/g, (selector) =>
    selector.replace(/\.([a-z][\w-]*)/g, (whole, name) => {
      if (!inScript.has(name)) return whole;
      if (!short.has(name)) short.set(name, letters(short.size));
      return `.${short.get(name)}`;
    }),
  );
  const rename = (name) => short.get(name) ?? name;
  return {
    css: selectors,
    script: script.replace(CLASSES, (attribute) => renameClasses(attribute, rename)),
  };
}
