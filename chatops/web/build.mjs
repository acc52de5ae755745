/**
 * Builds the page: one HTML file with its script and style inside, and the notices of the packages that are in it.
 *
 *   node build.mjs           writes handlers/page.html and handlers/page.LICENSES.txt
 *   node build.mjs --check   builds, compares with those files, and fails if they differ
 */
import { build } from "esbuild";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const handlers = join(here, "..", "..", "handlers");

async function bundle() {
  const result = await build({
    absWorkingDir: here,
    entryPoints: ["src/main.tsx", "src/style.css"],
    outdir: "out",
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    format: "iife",
    platform: "browser",
    target: ["chrome100", "firefox100", "safari15.4"],
    charset: "utf8",
    legalComments: "none",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "warning",
  });
  const textOf = (end) => result.outputFiles.find((file) => file.path.endsWith(end)).text.trim();
  return { script: textOf(".js"), style: textOf(".css"), inputs: Object.keys(result.metafile.inputs) };
}

function inlined(template, script, style) {
  for (const [text, end] of [[script, /<\/script|<!--/i], [style, /<\/style/i]]) {
    if (end.test(text)) throw new Error(`The bundle contains ${end}, which would end its element.`);
    if (/[\r\0]/.test(text)) throw new Error("The bundle contains a character that an HTML parser changes.");
  }
  for (const place of ['<meta name="websocket-url" content="">', "<style></style>", "<script></script>"]) {
    if (template.split(place).length !== 2) throw new Error(`src/page.html must have one ${place}.`);
  }
  return template
    .replace("<style></style>", () => `<style>${style}</style>`)
    .replace("<script></script>", () => `<script>${script}</script>`);
}

/** Name, version and licence text of every package that the bundle took code from. */
async function notices(inputs) {
  const packages = new Set(
    inputs.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  const parts = ["handlers/page.html contains code of these packages.\n"];
  for (const name of [...packages].sort()) {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} comes without a licence text.`);
    const text = (await readFile(join(folder, file), "utf8")).replaceAll("\r\n", "\n").trim();
    parts.push(`${"-".repeat(78)}\n${name} ${version} (${license})\n\n${text}\n`);
  }
  return parts.join("\n");
}

const { script, style, inputs } = await bundle();
const page = inlined(await readFile(join(here, "src", "page.html"), "utf8"), script, style);
const built = { "page.html": page, "page.LICENSES.txt": await notices(inputs) };

if (process.argv.includes("--check")) {
  for (const [name, text] of Object.entries(built)) {
    if ((await readFile(join(handlers, name), "utf8").catch(() => "")) !== text) {
      console.error(`handlers/${name} is not what the source builds. Run npm run build and commit the result.`);
      process.exitCode = 1;
    }
  }
  if (!process.exitCode) console.log("handlers/page.html is what the source builds.");
} else {
  for (const [name, text] of Object.entries(built)) await writeFile(join(handlers, name), text);
  const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;
  console.log(`handlers/page.html: ${kilobytes(Buffer.byteLength(page))}, ${kilobytes(gzipSync(page).length)} gzipped`);
}
