// What the page tells of keeping: gaps, days, modes of recording, floors that a disk cannot keep.
//
// Belongs here: one function per thing a person does. Does not: the house (`house.mjs`), walking every page (`walk.mjs`).
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { until } from "./house.mjs";

const api = async (page, base, path) => (await page.request.get(`${base}/api/v1/${path}`)).json();

/** A gap, once the hub knows one of this camera. */
export function gapOf(page, base, camera) {
  return until("a gap", 60, async () => (await api(page, base, `cameras/${camera}/timeline`)).gaps[0]);
}

/** G goes to the gap, the strip says its cause and size, and the day lists it. */
export async function findGap(page, base, camera, gap) {
  await page.goto(`${base}/cameras/${camera}`);
  await page.getByTestId("day-strip").waitFor();
  await page.locator(".events .mark.gap").first().waitFor();
  await page.keyboard.press("g");
  const strip = page.getByTestId("minute-strip");
  await strip.waitFor();
  await strip.focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("g");
  const said = await strip.getAttribute("aria-valuetext");
  const cause = { camera: "camera", network: "network" }[gap.cause];
  assert.match(said, new RegExp(`gap: ${cause}`), "the gap is said with its cause");
  assert.match(said, /\d+ s/, "and its length");
}

/** A day of the calendar, by keys alone; gives what it says. */
export async function walkCalendar(page) {
  const cells = page.locator("[data-testid=coverage] .day-cell[data-cell]");
  await cells.first().waitFor();
  await page.locator("[data-testid=coverage] .day-cell[data-cell][tabindex='0']").focus();
  const today = await page.locator(".coverage-said").textContent();
  await page.keyboard.press("ArrowLeft");
  const before = await page.locator(".coverage-said").textContent();
  assert.notEqual(before, today, "an arrow goes to the day before");
  await page.keyboard.press("ArrowRight");
  return today;
}

/** Hours for weekdays and for a night, set on a phone with keys and fields; gives what the hub has then. */
export async function makeSchedule(page, base, camera) {
  await page.goto(`${base}/cameras/${camera}/change`);
  // Down from "always" to "by schedule": the modes are one group of radios.
  await page.getByTestId("mode-continuous").focus();
  await page.keyboard.press("ArrowDown");
  const first = page.getByTestId("schedule-window").first();
  await first.waitFor();
  await first.getByRole("checkbox", { name: "Saturday" }).focus();
  await page.keyboard.press("Space");
  await page.getByTestId("schedule-from").first().fill("00:00");
  await page.getByTestId("schedule-to").first().fill("00:00");
  await page.getByText("the whole day").waitFor();
  await page.getByTestId("schedule-add").press("Enter");
  const second = page.getByTestId("schedule-window").nth(1);
  for (const day of ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]) {
    await second.getByRole("checkbox", { name: day }).focus();
    await page.keyboard.press("Space");
  }
  await page.getByTestId("schedule-from").nth(1).fill("22:00");
  await page.getByTestId("schedule-to").nth(1).fill("06:00");
  await page.getByText("ends on the next day").waitFor();
  // Six whole days, Sunday from 22; the six hours of Monday are in them already.
  await page.getByText("146 h of 168 h a week are recorded").waitFor();
}

export async function save(page) {
  await page.getByTestId("change-submit").click();
}

/** A floor of ten years: said beforehand, refused by the hub, and what was typed is still there. */
export async function askTooMuch(page, base, camera, found) {
  await page.goto(`${base}/cameras/${camera}/change`);
  await page.getByTestId("camera-floor").fill("3650");
  await page.locator("[data-testid=policy-effect][data-fits=false]").waitFor();
  const effect = await page.getByTestId("policy-effect").textContent();
  assert.match(effect, /Cannot be kept: the disk is [\d.]+ [GTP]B short/);
  await save(page);
  await page.getByTestId("policy-refused").waitFor();
  assert.match(await page.getByTestId("policy-refused").textContent(), /Refused: [\d.]+ [GTP]B are missing/);
  assert.equal(await page.getByTestId("camera-floor").inputValue(), "3650");
  assert.deepEqual(found.splice(0), [`422 for PATCH /api/v1/cameras/${camera}`]);
}

/** A mode without its reason, sound without its purpose: neither leaves the page. */
export async function reasonsAreAsked(page, base, camera) {
  await page.goto(`${base}/cameras/${camera}/change`);
  await page.getByTestId("mode-live_only").check();
  await page.getByTestId("sound-on").check();
  await save(page);
  await page.getByText("Live only needs a reason.").waitFor();
  await page.getByText("Sound needs a purpose.").waitFor();
  const { recording, audio_purpose } = await api(page, base, `cameras/${camera}`);
  assert.deepEqual([recording.mode, audio_purpose ?? null], ["continuous", null], "nothing was saved (CAP-02)");
}

/** Events with five seconds before and twenty after. */
export async function recordEvents(page, base, camera) {
  await page.goto(`${base}/cameras/${camera}/change`);
  await page.getByTestId("mode-event").check();
  await page.getByTestId("event-pre").fill("5");
  await page.getByTestId("event-post").fill("20");
  await save(page);
  await page.getByTestId("day-strip").waitFor();
  await page.getByText("around events, 5 s before to 20 s after").waitFor();
  return (await api(page, base, `cameras/${camera}`)).recording;
}

/** The event told on the box: E goes to it, the strip says what it was, the day lists it. */
export async function findEvent(page, base, camera, words) {
  const event = await until("the event", 60, async () =>
    (await api(page, base, `cameras/${camera}/timeline`)).events.find((e) => e.detail === words),
  );
  assert.equal(event.trigger, "input");
  await page.goto(`${base}/cameras/${camera}`);
  await page.getByText(words).first().waitFor();
  await page.keyboard.press("e");
  const strip = page.getByTestId("minute-strip");
  await strip.waitFor();
  await strip.focus();
  await page.keyboard.press("Home");
  // Something may have moved before: E goes on from event to event.
  await until("the event under the key", 20, async () => {
    await page.keyboard.press("e");
    return (await strip.getAttribute("aria-valuetext")).includes(words);
  });
  assert.match(await strip.getAttribute("aria-valuetext"), /event: alarm input/);
  return event;
}

/** What a box says of its disk and gives to take away: its key, as tools read it. */
export async function boxProves(page, base, agent) {
  await page.goto(`${base}/agents/${agent}`);
  const words = await page.getByTestId("forecast").textContent();
  assert.match(words, /not known yet: the box measures for an hour first|\d+ (h|d).* at this bitrate/);
  assert.match(words, /When it is short: recording goes on/, "what gives way is declared");
  const [saved] = await Promise.all([
    page.waitForEvent("download"),
    page.getByTestId("proofs").getByRole("button", { name: "Save the key (PEM)" }).click(),
  ]);
  const pem = readFileSync(await saved.path(), "utf8");
  assert.match(pem, /^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=]+\n-----END PUBLIC KEY-----\n$/);
  assert.equal(createPublicKey(pem).asymmetricKeyType, "ed25519");
}
