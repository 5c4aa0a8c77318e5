// Walks the pages of a hub that already runs.
//
//   HUB_URL=https://127.0.0.1:8443 HUB_NAME=admin HUB_PASSWORD=… node run.mjs [FOLDER FOR PICTURES]
//   HUB_SETUP='https://127.0.0.1:8443/setup#t=…' HUB_NAME=… HUB_PASSWORD=… node run.mjs …   makes the administrator first
//
// Exits 0 when every page stood, 1 with the faults. Plays a clip when the hub has a camera with footage.
import { launch } from "./chromium.mjs";
import { open, signIn, walkAll, watch } from "./walk.mjs";

const { HUB_URL, HUB_SETUP, HUB_NAME: name = "admin", HUB_PASSWORD: password } = process.env;
const base = (HUB_URL ?? (HUB_SETUP && new URL(HUB_SETUP).origin))?.replace(/\/$/, "");
if (!base || !password) {
  console.error("set HUB_URL (or HUB_SETUP), HUB_NAME and HUB_PASSWORD");
  process.exit(2);
}
const pictures = process.argv[2];
const browser = await launch();
try {
  const desk = await open(browser, { language: "en", theme: "light", width: "desk" });
  const { page } = desk;
  if (HUB_SETUP) {
    await page.goto(HUB_SETUP);
    await page.getByTestId("setup-name").fill(name);
    await page.getByTestId("setup-password").fill(password);
    await page.getByTestId("setup-repeat").fill(password);
    await page.getByTestId("setup-submit").click();
    await page.getByTestId("answer").first().waitFor();
  } else {
    await signIn(page, base, { name, password });
  }
  const fleet = await (await page.request.get(`${base}/api/v1/fleet`)).json();
  const ready = fleet.sites.flatMap((s) => s.cameras).find((c) => c.oldest_ms && c.last_committed_ms - c.oldest_ms > 40_000);
  if (ready) {
    const seen = await watch(desk, base, ready.id, pictures);
    console.log(`plays: currentTime ${seen.currentTime.toFixed(1)} s, ${seen.width}x${seen.height}`);
  } else {
    console.log("plays: no camera with forty seconds of footage, not tried");
  }
  const cookies = await desk.context.cookies();
  await desk.context.close();
  await walkAll(browser, base, cookies, pictures);
  console.log("every page stands, in both languages, at both widths, by day and by night");
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await browser.close();
}
