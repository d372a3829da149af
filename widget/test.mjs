// Runs tests/**/*.test.ts(x) with Node's own runner: `node test.mjs [part of a path]...`
//
// Each file is bundled first, so tests import sources and JSON examples as the build does. They run with
// widget/ as the working directory: a test that lists files starts from process.cwd().

import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";

const HERE = path.dirname(fileURLToPath(import.meta.url));

async function findTests(wanted) {
  const entries = await readdir(path.join(HERE, "tests"), { recursive: true });
  return entries
    .map((entry) => path.join("tests", entry))
    .filter((file) => /\.test\.tsx?$/.test(file))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort();
}

async function bundle(tests, outdir) {
  const result = await esbuild.build({
    absWorkingDir: HERE,
    entryPoints: tests,
    outbase: "tests",
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    metafile: true,
    platform: "node",
    format: "esm",
    target: "node20",
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".css": "empty" },
    sourcemap: "inline",
    logLevel: "warning",
  });
  return Object.keys(result.metafile.outputs).map((file) => path.resolve(HERE, file));
}

function run(files) {
  const child = spawn(process.execPath, ["--enable-source-maps", "--test", ...files], {
    cwd: HERE,
    stdio: "inherit",
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}

const tests = await findTests(process.argv.slice(2));
if (tests.length === 0) {
  console.error("No test found under widget/tests.");
  process.exit(1);
}
const outdir = await mkdtemp(path.join(os.tmpdir(), "widget-tests-"));
try {
  process.exitCode = await run(await bundle(tests, outdir));
} finally {
  await rm(outdir, { recursive: true, force: true });
}
