// The page against a real hub, a real box and a camera, from the set-up link to the picture.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch } from "./chromium.mjs";
import { House, until } from "./house.mjs";
import { askTooMuch, boxProves, findEvent, findGap, gapOf, makeSchedule, reasonsAreAsked, recordEvents, save, walkCalendar } from "./keeping.mjs";
import { look, open, signIn, stepFrames, walkAll, watch } from "./walk.mjs";

const person = { name: "Lin Wei", password: "correct horse battery staple" };
const pictures = process.env.PICTURES ?? join(import.meta.dirname, "pictures");
let house;
let browser;
let cookies;
let desk;

before(async () => {
  [house, browser] = [await House.start(), await launch()];
  desk = await open(browser, { language: "en", theme: "light", width: "desk" });
});

after(async () => {
  await browser?.close();
  await house?.stop();
});

/** The camera of this name, once it has forty seconds of footage in each stream. */
function ripe(name) {
  return until(`forty seconds of ${name}`, 90, async () => {
    const get = async (path) => (await desk.page.request.get(`${house.base}/api/v1/${path}`)).json();
    const found = (await get("fleet")).sites[0].cameras.find((c) => c.name === name);
    const { streams } = await get(`cameras/${found.id}`);
    return streams.length > 0 && streams.every((s) => s.last_committed_ms - s.oldest_ms > 40_000) ? found.id : null;
  });
}

/** A failed step leaves the programs' last words. */
function step(name, act) {
  test(name, { timeout: 240_000 }, async () => {
    try {
      await act();
    } catch (error) {
      await desk.page.screenshot({ path: join(pictures, `failed-${name.replaceAll(/\W+/g, "-").slice(0, 40)}.png`) }).catch(() => {});
      console.error(desk.found.join("\n"), house.logs());
      throw error;
    }
  });
}

step("the set-up link makes the first administrator, once", async () => {
  const { page } = desk;
  await page.goto(house.setup);
  await page.getByTestId("setup-name").fill(person.name);
  await page.getByTestId("setup-password").fill("short");
  await page.getByTestId("setup-repeat").fill("short");
  await page.getByTestId("setup-submit").click();
  await page.getByText("At least 12 characters.").first().waitFor();
  await page.getByTestId("setup-password").fill(person.password);
  await page.getByTestId("setup-repeat").fill(person.password);
  await look(desk, "setup", pictures);
  await page.getByTestId("setup-submit").click();
  await page.getByText("No site yet").first().waitFor();
  await look(desk, "fleet-empty", pictures);
});

step("signing in refuses a wrong password and keeps the name that was typed", async () => {
  const window = await open(browser, { language: "zh", theme: "dark", width: "phone" });
  const { page, found } = window;
  await page.goto(house.base);
  await page.getByTestId("signin-name").fill(person.name);
  await page.getByTestId("signin-password").fill("a wrong sentence");
  await page.getByTestId("signin-submit").click();
  await page.getByRole("alert").waitFor();
  assert.equal(await page.getByTestId("signin-name").inputValue(), person.name);
  await look(window, "signin", pictures);
  await signIn(page, house.base, person);
  assert.deepEqual(found, []);
  cookies = await window.context.cookies();
  await window.context.close();
});

step("a link made on the page brings a box to its site", async () => {
  const { page } = desk;
  await page.goto(`${house.base}/tokens`);
  await page.getByTestId("token-site-name").fill("Mei Hua Mall");
  await page.getByTestId("token-zone").fill("Asia/Shanghai");
  await page.getByTestId("token-submit").click();
  const url = await page.getByTestId("token-url").textContent();
  await look(desk, "token-made", pictures);
  await house.box(url);
  await page.getByText("The box has joined.").waitFor();
});

step("a camera added on the page records: the box opens what the browser sealed", async () => {
  const { page } = desk;
  await page.goto(house.base);
  await page.getByTestId("site-cell").click();
  await page.getByTestId("agent-row").getByRole("link").click();
  await page.getByTestId("add-camera").click();
  await page.getByTestId("camera-name").fill("Gate 4");
  await page.getByTestId("camera-url").fill(house.rtsp.replace("://", "://viewer:secret@"));
  await page.getByText("Take name and password out of the address").waitFor();
  await page.getByTestId("camera-url").fill(`${house.rtsp}/cam0`);
  await page.getByTestId("camera-user").fill("viewer");
  await page.getByTestId("camera-password").fill(house.cameraPassword);
  await page.getByTestId("camera-submit").click();
  await page.getByTestId("day-strip").waitFor();
  await until("a recording camera on the page", 60, async () => {
    const words = await page.getByTestId("answer").textContent();
    return words?.startsWith("recording");
  });
});

step("a camera of H.265 is added with the small picture browsers can play", async () => {
  const { page } = desk;
  const fleet = await (await page.request.get(`${house.base}/api/v1/fleet`)).json();
  await page.goto(`${house.base}/agents/${fleet.sites[0].agents[0].id}/add-camera`);
  await page.getByTestId("camera-name").fill("Gate 5");
  await page.getByTestId("camera-url").fill(`${house.rtsp}/h265`);
  await page.getByTestId("camera-user").fill("viewer");
  await page.getByTestId("camera-password").fill(house.cameraPassword);
  await page.getByTestId("camera-more").click();
  await page.getByTestId("camera-sub-url").fill(`${house.rtsp}/small`);
  await page.getByTestId("camera-submit").click();
  await page.getByTestId("day-strip").waitFor();
  await until("a recording camera of H.265", 60, async () => {
    const words = await page.getByTestId("answer").textContent();
    return words?.startsWith("recording");
  });
});

step("the fleet answers in words and changes without being asked", async () => {
  const { page } = desk;
  await page.goto(house.base);
  await page.getByText("All 2 cameras are recording").waitFor();
  await page.locator("[data-testid=live-state][data-state=live]").waitFor();
});

step("footage asked for on the camera's page plays past ten seconds, frame by frame when wanted", async () => {
  const { page } = desk;
  const camera = await ripe("Gate 4");
  const seen = await watch(desk, house.base, camera, pictures);
  assert.deepEqual([seen.width, seen.height], [1920, 1080]);
  const frames = await stepFrames(page);
  assert.notEqual(frames.after, frames.before);
  assert.equal(frames.again, frames.before);
  assert.deepEqual(desk.found, []);
});

step("a browser without H.265 is given the small picture, or a preview marked as a derived copy", async () => {
  const { page } = desk;
  const camera = await ripe("Gate 5");
  await page.goto(`${house.base}/cameras/${camera}`);
  if (await page.evaluate(() => MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L120.90"'))) return;
  const small = await watch(desk, house.base, camera, null);
  assert.deepEqual([small.width, small.height], [640, 360]);
  assert.match(await page.getByTestId("player-time").textContent(), /small picture, original bytes/);
  const preview = await watch(desk, house.base, camera, null, "preview");
  assert.ok(preview.width > 0);
  assert.match(await page.getByTestId("player-time").textContent(), /derived copy/);
  await look(desk, "watching-derived", pictures);
});

step("a floor the disk cannot keep is said beforehand and refused with the missing bytes (RET-02)", async () => {
  const camera = await ripe("Gate 5");
  await askTooMuch(desk.page, house.base, camera, desk.found);
  await look(desk, "change-refused", pictures);
});

step("a camera that falls silent leaves a gap: on the strip with its cause, in the day, and a key finds it", async () => {
  const camera = await ripe("Gate 4");
  await house.silence(14);
  const gap = await gapOf(desk.page, house.base, camera);
  await findGap(desk.page, house.base, camera, gap);
  await look(desk, "camera-gap", pictures);
  const words = await walkCalendar(desk.page);
  assert.match(words, /recorded/);
});

step("hours are set on a phone, by keys, and the box records by them", async () => {
  const phone = await open(browser, { language: "en", theme: "light", width: "phone", cookies });
  const camera = await ripe("Gate 4");
  await makeSchedule(phone.page, house.base, camera);
  await look(phone, "change-schedule", pictures);
  await save(phone.page);
  await phone.page.getByText("by schedule, 146 h a week").waitFor();
  const { recording } = await (await phone.page.request.get(`${house.base}/api/v1/cameras/${camera}`)).json();
  assert.deepEqual(recording.windows, [
    { days: [1, 2, 3, 4, 5, 6], start_minute: 0, end_minute: 1440 },
    { days: [7], start_minute: 1320, end_minute: 360 },
  ]);
  await look(phone, "camera-scheduled", pictures);
  await phone.context.close();
});

step("live only needs a reason, sound a purpose; around events is one form away (CAP-02)", async () => {
  const camera = await ripe("Gate 5");
  await reasonsAreAsked(desk.page, house.base, camera);
  await look(desk, "change-asked", pictures);
  const recording = await recordEvents(desk.page, house.base, camera);
  assert.deepEqual(recording, { mode: "event", pre_s: 5, post_s: 20, triggers: ["activity", "manual", "input"] });
});

step("an event told at the site is kept with the seconds around it, and a key finds it (CAP-02)", async () => {
  const camera = await ripe("Gate 5");
  const { page } = desk;
  await page.goto(`${house.base}/cameras/${camera}`);
  await until("a camera that waits for events", 60, async () => {
    const words = await page.getByTestId("answer").textContent();
    return /nothing is due|^recording/.test(words ?? "");
  });
  await house.trigger(camera, "back door", 6);
  const event = await findEvent(page, house.base, camera, "back door");
  await until("footage from before the event", 60, async () => {
    const timeline = await (await page.request.get(`${house.base}/api/v1/cameras/${camera}/timeline`)).json();
    return timeline.spans.some((s) => s.start_ms < event.start_ms && s.end_ms >= event.end_ms);
  });
  await look(desk, "camera-event", pictures);
});

step("a box says how long its disk lasts, what gives way, and gives its key to take away (RET-02, EVD-01)", async () => {
  const fleet = await (await desk.page.request.get(`${house.base}/api/v1/fleet`)).json();
  await boxProves(desk.page, house.base, fleet.sites[0].agents[0].id);
});

step("the page was made from the document the hub gives of itself", async () => {
  const given = await (await desk.page.request.get(`${house.base}/api/v1/openapi.json`)).json();
  const kept = JSON.parse(readFileSync(join(import.meta.dirname, "../../hub/web/openapi.json"), "utf8"));
  assert.deepEqual(kept, given, "farwatch-hub openapi > hub/web/openapi.json, then npm run api");
});

step("the keyboard finds, lists its keys, and reads the strip aloud", async () => {
  const { page } = desk;
  await page.goto(house.base);
  await page.getByTestId("answer").waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("/");
  await page.keyboard.type("gate 4");
  await page.keyboard.press("Enter");
  const strip = page.getByTestId("day-strip");
  await strip.focus();
  await page.keyboard.press("End");
  const [before, after] = [await strip.getAttribute("aria-valuetext"), await stepped(page, strip)];
  assert.notEqual(after, before);
  await page.keyboard.press("Enter");
  await page.getByTestId("request-form").waitFor();
});

async function stepped(page, strip) {
  await page.keyboard.press("ArrowLeft");
  return strip.getAttribute("aria-valuetext");
}

step("every page, in both languages, at both widths, by day and by night", async () => {
  await walkAll(browser, house.base, cookies, pictures);
});
