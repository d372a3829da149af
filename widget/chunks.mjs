// One bundle that a page begins with, and chunks that it fetches when they are needed and that use what the bundle has.
//
// esbuild's own splitting would put what they share into a file of its own: one more request before the first word. Here the chunk
// imports from the bundle itself, which exports what the chunks use and nothing else, under names of one or two letters.

import path from "node:path";
import { fileURLToPath } from "node:url";

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** `import{a as b}from"frame:src/ui/i18n.ts"`, as esbuild writes it. */
const IMPORT = /import\{([^}]*)\}from"frame:([^"]*)";?/g;
const ANY_IMPORT = /from"frame:|import"frame:/;

/**
 * Returns [{script, css}], the bundle first. Chunks import from "frame", to be replaced by the bundle's address.
 * `build`: runs esbuild in memory with these options; `plugins`: for the bundle.
 */
export async function bundleInChunks({ entry, chunks, build, plugins }) {
  const alone = await build({ entryPoints: [entry], plugins, metafile: true });
  const inside = new Set(Object.keys(alone.metafile.inputs));
  const parts = [];
  for (const chunk of chunks)
    parts.push(read(await build({ entryPoints: [chunk], plugins: [shared(inside)] })));

  const names = new Map();
  const scripts = parts.map(({ script }) => linked(script, names));
  const exports = [...names].map(([origin, name]) => {
    const [module, what] = origin.split("\n");
    return `export {${what} as ${name}} from "./${module}";`;
  });
  const contents = [`import "./${entry}";`, ...exports].join("\n");
  const whole = read(await build({ stdin: { contents, resolveDir: HERE, loader: "ts" }, plugins }));
  return [whole, ...parts.map(({ css }, at) => ({ script: scripts[at], css }))];
}

function read({ outputFiles }) {
  const text = (ext) => outputFiles.find((file) => path.extname(file.path) === ext)?.text ?? "";
  return { script: text(".js"), css: text(".css") };
}

/** What stands in the bundle is imported from there. */
const shared = (inside) => ({
  name: "shared",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /./ }, async ({ path: wanted, resolveDir, kind, pluginData }) => {
      if (pluginData === "asked" || kind === "entry-point") return;
      const found = await resolve(wanted, { resolveDir, kind, pluginData: "asked" });
      const module = path.relative(HERE, found.path).replaceAll(path.sep, "/");
      return inside.has(module) ? { path: `frame:${module}`, external: true } : found;
    });
  },
});

/** A chunk's script with one import for all that it uses of the bundle; `names` gathers {module, what} → name. */
function linked(script, names) {
  const used = [];
  const rest = script.replace(IMPORT, (_whole, list, module) => {
    for (const one of list.split(",")) {
      const [what, as = what] = one.trim().split(" as ");
      const origin = `${module}\n${what}`;
      if (!names.has(origin)) names.set(origin, short(names.size));
      used.push(`${names.get(origin)} as ${as}`);
    }
    return "";
  });
  if (ANY_IMPORT.test(rest)) throw new Error("a chunk imports what it shares by name: no `import * as`");
  return `import{${used}}from"frame";${rest}`;
}

const short = (n) => (n > 25 ? short(Math.floor(n / 26) - 1) : "") + String.fromCharCode(97 + (n % 26));
