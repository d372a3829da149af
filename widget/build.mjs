// Builds the four faces and their words into ../static/build, and a manifest {logical name: file name}.
//
//   src/loader.ts        → widget.js             fixed name: it is the one line that hosts embed
//   src/frame/main.tsx   → frame.<hash>.js, .css
//   src/frame/chunks/    → <chunk>.<hash>.js, .css, <chunk>.<lang>.<hash>.json: fetched by the frame when they are needed (chunks.mjs)
//   src/line.ts          → line.<hash>.js         fetched by the frame only where WebSockets are blocked
//   src/console/main.tsx → console.<hash>.js, .css
//   src/portal/main.ts   → portal.<hash>.js, .css
//   locale/<lang>/*.json → widget.<lang>.<hash>.json, console.<lang>.<hash>.json
//
// What a customer's browser fetches (all but the console) is squeezed by squeeze.mjs; its words have short keys.
// Words of the catalogue that start with "loader." are compiled into the loader as __LOADER_WORDS__.
// `node build.mjs --watch` builds again whenever a source changes.

import { createHash } from "node:crypto";
import { watch } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";
import { bundleInChunks } from "./chunks.mjs";
import { checkOwn, shortenClasses, shortenKeys, squeezeScript, squeezeTokens } from "./squeeze.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const SOURCES = path.join(HERE, "src");
const LOCALES = path.join(HERE, "..", "chatserver", "locale");
const BUILT = path.join(HERE, "..", "static", "build");
const LANGUAGES = ["es", "en", "pt"];
/** Which files of the catalogue a face shows. */
const WIDGET_WORDS = ["common", "widget"];
/** The frame's chunks, src/frame/chunks/<name>.tsx, and the words that each brings. */
const CHUNKS = {
  after: ["after", "refusals"],
  files: ["files", "attaching"],
  form: ["form", "request"],
  hints: ["hints", "courtesy"],
  stop: ["stop"],
};
const CONSOLE_WORDS = ["common", "refusals", "errors", "stop", "courtesy", "files", "form", "console"];

/** A failure whose text says all there is to say: no stack trace. */
class BuildError extends Error {}

/** All words of one language: {file name: its words}. Keys begin with the name of the face that shows them. */
async function readLanguage(folder) {
  const words = {};
  const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".json"));
  if (files.length === 0) throw new BuildError(`${folder} holds no catalogue`);
  for (const name of files) {
    try {
      words[path.parse(name).name] = JSON.parse(await readFile(path.join(folder, name), "utf8"));
    } catch (error) {
      throw new BuildError(`${path.join(folder, name)} cannot be read: ${error.message}`);
    }
  }
  return words;
}

async function readCatalogues() {
  const catalogues = {};
  for (const language of LANGUAGES) {
    catalogues[language] = await readLanguage(path.join(LOCALES, language));
  }
  return catalogues;
}

/** The words of some files of a language, in the order of their keys. */
function pick(language, files) {
  const words = Object.assign({}, ...files.map((file) => language[file]));
  return Object.fromEntries(Object.entries(words).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Bundle one face in memory; returns {".js": text, ".css": text} with what came out. */
async function bundle(entry, options = {}) {
  return texts(await run({ entryPoints: [path.join("src", entry)], ...options }));
}

const texts = ({ outputFiles }) =>
  Object.fromEntries(outputFiles.map((file) => [path.extname(file.path), file.text]));

const run = (options) =>
  esbuild.build({
    absWorkingDir: HERE,
    outdir: "out", // only in name: nothing is written
    write: false,
    bundle: true,
    minifyWhitespace: true,
    minifyIdentifiers: true,
    minifySyntax: true,
    charset: "utf8",
    format: "iife",
    target: "es2022",
    legalComments: "none",
    logLevel: "silent",
    ...options,
  });

/** Preact's classic way of making elements weighs 150 bytes less than the automatic one. It takes the place of tsconfig.json. */
const PREACT = {
  jsx: "transform",
  jsxFactory: "h",
  jsxFragment: "Fragment",
  inject: ["src/ui/jsx.ts"],
  tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
};

/** Bundle a face that is made of a script and a style sheet. */
async function bundlePage(entry, options) {
  const parts = await bundle(entry, { ...PREACT, ...options });
  if (!parts[".css"]) {
    throw new BuildError(`src/${entry} imports no style sheet; a page without one is surely a mistake`);
  }
  return parts;
}

/** A module that is not bundled, but fetched under its built name by who imports it at run time. */
const apart = (module, file) => ({
  name: "apart",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\./ }, ({ path: wanted }) =>
      wanted === module ? { path: `./${file}`, external: true } : undefined,
    ),
});

/** Everything that belongs into static/build: a map {logical name: {file, contents}}. */
async function buildAll() {
  const files = new Map();
  const add = (name, contents) => {
    const { name: stem, ext } = path.parse(name);
    const hash = createHash("sha256").update(contents).digest("hex").slice(0, 12);
    files.set(name, { file: `${stem}.${hash}${ext}`, contents });
  };

  const catalogues = await readCatalogues();
  // All of its words are the loader's: that needs no saying.
  const said = (words) =>
    Object.fromEntries(Object.entries(words).map(([key, word]) => [key.replace("loader.", ""), word]));
  const loaderWords = Object.fromEntries(
    LANGUAGES.map((lang) => [lang, said(pick(catalogues[lang], ["loader"]))]),
  );
  const define = { __LOADER_WORDS__: JSON.stringify(loaderWords) };
  const loader = await bundle("loader.ts", { define });
  files.set("widget.js", { file: "widget.js", contents: await squeezeScript(loader[".js"]) });

  for (const declarations of ["wire.ts", "host-messages.ts"]) {
    checkOwn(await readFile(path.join(SOURCES, declarations), "utf8"));
  }
  const line = await bundle("line.ts", { format: "esm" });
  add("line.js", await squeezeScript(line[".js"]));

  const { scripts, sheets, rename, asked } = await squeezedFrame(catalogues, files.get("line.js").file);
  add("frame.js", scripts[0]);
  add("frame.css", sheets[0]);
  Object.keys(CHUNKS).forEach((name, at) => {
    // The frame is known to them by its hash: an older one never gets a newer one's chunk.
    add(`${name}.js`, scripts[at + 1].replace('"frame"', `"./${files.get("frame.js").file}"`));
    add(`${name}.css`, sheets[at + 1]);
  });

  const desk = await bundlePage("console/main.tsx");
  add("console.js", desk[".js"]);
  add("console.css", desk[".css"]);

  const portal = await bundle("portal/main.ts");
  add("portal.js", portal[".js"]);
  add("portal.css", portal[".css"]);

  for (const language of LANGUAGES) {
    const words = catalogues[language];
    add(`widget.${language}.json`, JSON.stringify(rename(pick(words, WIDGET_WORDS))));
    for (const [name, files] of Object.entries(CHUNKS)) {
      // Some of them are other faces' words, too.
      const own = Object.entries(pick(words, files)).filter(([key]) => asked(key));
      add(`${name}.${language}.json`, JSON.stringify(rename(Object.fromEntries(own))));
    }
    add(`console.${language}.json`, JSON.stringify(pick(words, CONSOLE_WORDS)));
  }
  return files;
}

/** The frame and its chunks, the frame first in each list: made smaller together, so that they understand each other. */
async function squeezedFrame(catalogues, line) {
  const parts = await bundleInChunks({
    entry: "src/frame/main.tsx",
    chunks: Object.keys(CHUNKS).map((name) => `src/frame/chunks/${name}.tsx`),
    // Keys of words must be found as they stand in the sources; and only a module has `import()` without a helper.
    // The frame does with less than frame and console together: see ui/signal.ts.
    build: (options) =>
      run({
        ...PREACT,
        format: "esm",
        minifySyntax: false,
        alias: { "@preact/signals-core": "./src/ui/signal.ts" },
        ...options,
      }),
    plugins: [apart("./line", line)],
  });
  const words = pick(catalogues[LANGUAGES[0]], [...WIDGET_WORDS, ...Object.values(CHUNKS).flat()]);
  const keyed = shortenKeys(
    parts.map((part) => part.script),
    Object.keys(words),
  );
  const unread = Object.keys(pick(catalogues[LANGUAGES[0]], WIDGET_WORDS)).filter((key) => !keyed.asked(key));
  if (unread.length) throw new BuildError(`no script asks for the words ${unread.join(", ")}`);
  const { scripts, sheets } = shortenClasses(
    keyed.scripts,
    parts.map((part) => part.css),
  );
  const names = {};
  const squeezed = [];
  for (const script of scripts) squeezed.push(await squeezeScript(script, names));
  return { ...keyed, scripts: squeezed, sheets: await squeezeTokens(sheets, scripts) };
}

/** Write so that a server reading meanwhile finds either the old set or the new one. */
async function writeAll(files) {
  await mkdir(BUILT, { recursive: true });
  const replace = async (name, contents) => {
    const temporary = path.join(BUILT, `.${name}.new`);
    await writeFile(temporary, contents);
    await rename(temporary, path.join(BUILT, name));
  };

  for (const { file, contents } of files.values()) {
    await replace(file, contents);
  }
  const manifest = Object.fromEntries([...files].map(([name, { file }]) => [name, file]).sort());
  await replace("manifest.json", `${JSON.stringify(manifest, null, 2)}\n`);

  const current = new Set([...Object.values(manifest), "manifest.json"]);
  const stale = (await readdir(BUILT)).filter((name) => !current.has(name));
  await Promise.all(stale.map((name) => rm(path.join(BUILT, name), { recursive: true })));
}

async function build() {
  try {
    const files = await buildAll();
    await writeAll(files);
    for (const { file, contents } of files.values()) {
      console.log(`${String(Buffer.byteLength(contents)).padStart(8)}  ${file}`);
    }
    return true;
  } catch (error) {
    if (error instanceof BuildError) {
      console.error(`The front end was not built: ${error.message}`);
    } else if (error.errors) {
      const messages = await esbuild.formatMessages(error.errors, {
        kind: "error",
        color: process.stderr.isTTY,
      });
      console.error(`The front end was not built:\n${messages.join("")}`);
    } else {
      throw error;
    }
    return false;
  }
}

/** Build now and after every change; an editor's burst of events makes one build. */
async function buildForEver() {
  let timer;
  let running = build();
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = running.then(build);
    }, 50);
  };
  watch(SOURCES, { recursive: true }, soon);
  watch(LOCALES, { recursive: true }, soon);
  await running;
}

if (process.argv.includes("--watch")) {
  await buildForEver();
} else if (!(await build())) {
  process.exitCode = 1;
}
