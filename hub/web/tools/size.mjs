// Measures what the first visit loads (index.html, its script, everything that script imports at once, its styles),
// compressed, against the promise of 350 KB. Fails the build when the promise is broken.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const limit = 350 * 1024;
const dist = new URL("../dist/", import.meta.url).pathname;
const size = (path) => gzipSync(readFileSync(join(dist, path)), { level: 9 }).length;
const html = readFileSync(join(dist, "index.html"), "utf8");
const first = new Set(["index.html"]);
for (const [, path] of html.matchAll(/(?:src|href)="\/([^"]+)"/g)) first.add(path);
// Static imports only: a chunk named in `import(...)` is loaded when its page is opened.
const queue = [...first].filter((path) => path.endsWith(".js"));
for (let path = queue.pop(); path; path = queue.pop()) {
  const text = readFileSync(join(dist, path), "utf8");
  for (const [, name] of text.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) {
    const next = `assets/${name}`;
    if (!first.has(next)) {
      first.add(next);
      queue.push(next);
    }
  }
}
// Fonts are compressed already; a browser fetches the ones its words need, which in English is all of them.
for (const path of [...first].filter((p) => p.endsWith(".css"))) {
  for (const [, font] of readFileSync(join(dist, path), "utf8").matchAll(/url\(["']?\/([^"')]+\.woff2)/g))
    first.add(font);
}
const files = [...first].map((path) => [path, size(path)]).sort((a, b) => b[1] - a[1]);
const total = files.reduce((sum, [, bytes]) => sum + bytes, 0);
const all = readdirSync(join(dist, "assets")).reduce((sum, name) => sum + size(`assets/${name}`), 0);
const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;
for (const [path, bytes] of files) console.log(`  ${kb(bytes).padStart(9)}  ${path}`);
console.log(`first load ${kb(total)} compressed, promised at most ${kb(limit)}; the whole page ${kb(all)}`);
if (total > limit) {
  console.error("the first load is too heavy: move something behind a page's own import()");
  process.exit(1);
}
