// Chromium as the tests use it: the machine's own, headless, asking nobody on the internet for anything.
import { createRequire } from "node:module";

const { chromium } = createRequire(import.meta.url)("playwright-core");

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ],
  });
}
