// A pull, opened and played on the hub's page in headless Chromium.
//
// Belongs here: signing in and pressing play as a person would. Does not: what the page looks like (tests/browser).
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(new URL("../../tests/browser/package.json", import.meta.url));
const { chromium } = require("playwright-core");

/** Plays until currentTime is past 10 s; a screenshot is kept when that fails. */
export async function play(base, pull, { name, password, reason }, logs) {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  try {
    const page = await browser.newPage({ ignoreHTTPSErrors: true, locale: "en-GB" });
    page.setDefaultTimeout(15_000);
    try {
      await page.goto(`${base}/requests/${pull.id}`);
      await page.getByTestId("signin-name").fill(name);
      await page.getByTestId("signin-password").fill(password);
      await page.getByTestId("signin-submit").click();
      await page.getByTestId("view-reason").fill(reason);
      const began = Date.now();
      await page.getByTestId("view-submit").click();
      await page.waitForFunction(() => document.querySelector("video")?.currentTime > 10, undefined, { timeout: 40_000 });
      const seen = await page.$eval("video", (video) => ({
        currentTime: video.currentTime,
        width: video.videoWidth,
        height: video.videoHeight,
      }));
      return { ...seen, seconds: (Date.now() - began) / 1000 };
    } catch (error) {
      await page.screenshot({ path: join(logs, "page.png") });
      throw error;
    }
  } finally {
    await browser.close();
  }
}
