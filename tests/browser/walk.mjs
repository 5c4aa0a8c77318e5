// Walks every page of a hub as it is: in both languages, at both widths, by day and by night, and keeps a picture of each.
//
// Belongs here: the way through the pages, and what each must show. Does not: starting a hub (`house.mjs`).
import assert from "node:assert/strict";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { faint, listen, overflow } from "./faults.mjs";

export const widths = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

/** A window in a language, a theme and a width; `found` collects its faults. */
export async function open(browser, { language, theme, width, cookies = [] }) {
  const context = await browser.newContext({
    viewport: widths[width],
    ignoreHTTPSErrors: true,
    hasTouch: width === "phone",
    // The page must not depend on where its reader sits.
    timezoneId: "America/New_York",
    locale: language === "zh" ? "zh-CN" : "en-GB",
  });
  await context.addCookies(cookies);
  await context.addInitScript(
    ([speech, scheme]) => {
      localStorage.setItem("farwatch-language", speech);
      localStorage.setItem("farwatch-scheme", scheme);
    },
    [language, theme],
  );
  if (process.env.PAGE_DIST) await serve(context, process.env.PAGE_DIST);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  return { context, page, found: listen(page), name: `${language}-${theme}-${width}` };
}

/** Shows a build of the page that lies in a folder instead of the one inside the hub, for who works on the page. */
async function serve(context, folder) {
  await context.route(
    (url) => !url.pathname.startsWith("/api/"),
    (route) => {
      const file = join(folder, new URL(route.request().url()).pathname);
      return route.fulfill({ path: existsSync(file) && statSync(file).isFile() ? file : join(folder, "index.html") });
    },
  );
}

export async function signIn(page, base, { name, password }) {
  await page.goto(`${base}/`);
  await page.getByTestId("signin-name").fill(name);
  await page.getByTestId("signin-password").fill(password);
  await page.getByTestId("signin-submit").click();
  await page.getByTestId("answer").first().waitFor();
}

/** The places a signed-in person can go, as far as the fleet has them. */
export async function places(page, base) {
  const get = async (path) => (await page.request.get(`${base}/api/v1/${path}`)).json();
  const fleet = await get("fleet");
  const site = fleet.sites.find((s) => s.cameras.length > 0) ?? fleet.sites[0];
  const [agent, camera] = [site?.agents[0], site?.cameras[0]];
  const { pulls } = await get("pulls?limit=1");
  return [
    ["fleet", "/"],
    site && ["site", `/sites/${site.id}`],
    agent && ["agent", `/agents/${agent.id}`],
    agent && ["add-camera", `/agents/${agent.id}/add-camera`],
    camera && ["camera", `/cameras/${camera.id}`],
    camera && ["change-camera", `/cameras/${camera.id}/change`],
    ["requests", "/requests"],
    pulls[0] && ["request", `/requests/${pulls[0].id}`],
    ["tokens", "/tokens"],
    ["journal", "/journal"],
    ["nowhere", "/nowhere"],
  ].filter(Boolean);
}

/** Looks at one page once it has come to rest. */
export async function look({ page, found, name }, place, pictures) {
  await page.getByRole("main").waitFor();
  await page.waitForFunction(() => !document.querySelector(".loading, .bone"), undefined, { timeout: 15_000 }).catch(() => {
    found.push("still loading after 15 s");
  });
  await page.evaluate(() => document.fonts.ready);
  if (pictures) await page.screenshot({ path: join(pictures, `${place}-${name}.png`), fullPage: true });
  const wide = await overflow(page);
  if (wide > 0) found.push(`${wide} px wider than the window`);
  for (const words of await faint(page)) found.push(`too faint: ${words}`);
  const faults = found.splice(0).map((fault) => `${place} (${name}): ${fault}`);
  assert.deepEqual(faults, []);
}

/** Every page in one window. */
export async function walk(window, base, pictures) {
  if (pictures) mkdirSync(pictures, { recursive: true });
  const { page } = window;
  for (const [place, path] of await places(page, base)) {
    await page.goto(base + path);
    if (place !== "nowhere") await page.getByTestId("answer").first().waitFor();
    await look(window, place, pictures);
    const spoken = await page.evaluate(() => document.documentElement.lang);
    assert.equal(spoken, window.name.startsWith("zh") ? "zh-CN" : "en");
  }
}

/** Both languages at both widths by day, and by night the one that is read in the dark. */
export async function walkAll(browser, base, cookies, pictures) {
  for (const [language, theme] of [["en", "light"], ["zh", "light"], ["zh", "dark"], ["en", "dark"]]) {
    for (const width of Object.keys(widths)) {
      const window = await open(browser, { language, theme, width, cookies });
      await walk(window, base, pictures);
      await window.context.close();
    }
  }
}

/** Asks for footage on a camera's page and watches it past ten seconds; gives what was seen. */
export async function watch(window, base, camera, pictures, picture) {
  const { page, name } = window;
  await page.goto(`${base}/cameras/${camera}`);
  await page.getByTestId("request-open").click();
  await page.getByTestId("request-submit").click();
  assert.equal(await page.getByTestId("player-video").count(), 0, "no footage without a reason (ACC-02)");
  if (picture) await page.getByTestId(`request-picture-${picture}`).check();
  await page.getByTestId("request-reason").fill("browser test: does the page play");
  await page.getByTestId("request-submit").click();
  const video = page.getByTestId("player-video");
  await video.waitFor();
  await page.waitForFunction(() => document.querySelector("video")?.currentTime > 10, undefined, { timeout: 60_000 });
  const seen = await video.evaluate((v) => ({ currentTime: v.currentTime, width: v.videoWidth, height: v.videoHeight }));
  if (pictures) {
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, `watching-${name}.png`), fullPage: true });
  }
  return seen;
}

/** One frame forward and one back, by the keyboard, end where they began. */
export async function stepFrames(page) {
  const video = page.getByTestId("player-video");
  const at = async () => {
    await page.waitForFunction(() => !document.querySelector("video").seeking);
    return video.evaluate((v) => new Promise((done) => {
      v.requestVideoFrameCallback((_, frame) => done(frame.mediaTime));
      setTimeout(() => done(v.currentTime), 700);
    }));
  };
  await video.focus();
  await video.evaluate((v) => v.pause());
  const words = page.getByTestId("player-time");
  await at();
  const before = await words.textContent();
  await page.keyboard.press("ArrowRight");
  await at();
  const after = await words.textContent();
  await page.keyboard.press("ArrowLeft");
  await at();
  return { before, after, again: await words.textContent() };
}
