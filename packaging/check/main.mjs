// The quickstart's check: looks at everything that must work, one line with a figure each, without a person.
//
// Belongs here: what is looked at, in which order. Does not: starting programs (packaging/programs.sh).
// Usage: node main.mjs DATA PROGRAMS, as packaging/quickstart --check calls it.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { compareWithVault } from "./digests.mjs";
import { Hub } from "./hub.mjs";
import { play } from "./page.mjs";

const CLIP_MS = 20_000;
const FPS = 20;
const [data, programs] = process.argv.slice(2);
const agent = readFileSync(join(data, "agent-id"), "utf8").trim();
const camera = readFileSync(join(data, "camera-id"), "utf8").trim();
const password = "quickstart check, thrown away";
const reason = "quickstart check";

let broken = false;

/** Runs one look and prints its line; later looks need what earlier ones give, so the first failure ends the check. */
async function look(name, act) {
  if (broken) return undefined;
  const began = Date.now();
  try {
    const [figure, value] = await act();
    console.log(`ok     ${name.padEnd(22)} ${figure}`);
    return value;
  } catch (error) {
    broken = true;
    console.log(`FAILED ${name.padEnd(22)} ${error.message} (after ${((Date.now() - began) / 1000).toFixed(1)} s)`);
    return undefined;
  }
}

/** Asks until `act` gives something; `what` is said when it does not. */
async function until(what, seconds, act) {
  const deadline = Date.now() + seconds * 1000;
  let last;
  do {
    const got = await act().catch((error) => void (last = error));
    if (got) return got;
    await new Promise((wake) => setTimeout(wake, 250));
  } while (Date.now() < deadline);
  throw new Error(`${what} did not come within ${seconds} s${last ? `: ${last.message}` : ""}`);
}

const size = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

const hub = await Hub.at(data);

await look("hub up", async () => {
  const health = await hub.get("/healthz");
  const token = readFileSync(join(data, "setup-url"), "utf8").trim().split("#t=")[1];
  await hub.setUp(token, "check", password);
  return [`version ${health.version}, ${hub.base}`];
});

await look("agent enrolled", async () => {
  const seen = await until("the agent", 30, async () => {
    const found = await hub.agent(agent);
    return found.presence === "online" && found;
  });
  const days = (seen.certificate.expires_ms - Date.now()) / 86_400_000;
  return [`${agent}, online, certificate for ${days.toFixed(0)} days`];
});

const begin = await look("camera recording", async () => {
  // From here on 20 s and one keyframe interval at each end must be on the agent's disk, in closed segments.
  const now = await until("recording", 60, async () => {
    const found = await hub.camera(camera);
    return found.state === "recording" && found.last_committed_ms && found.fps_milli > 0 && found;
  });
  const begin = now.last_committed_ms + 1_000;
  const done = await until("enough footage", 90, async () => {
    const found = await hub.camera(camera);
    return found.last_committed_ms > begin + CLIP_MS + 14_000 && found;
  });
  const vault = execFileSync("find", [join(data, "agent/vault"), "-name", "*.mp4"], { encoding: "utf8" });
  const segments = vault.trim().split("\n").length;
  const fps = done.fps_milli / 1000;
  if (Math.abs(fps - FPS) > 2) throw new Error(`${fps} frames per second instead of ${FPS}`);
  return [`${segments} segments, ${fps.toFixed(1)} fps, ${(done.bitrate_bps / 1e6).toFixed(1)} Mbit/s, ${done.gaps_today} gaps`, begin];
});

await look("health seen", async () => {
  const { health } = await until("health", 60, async () => {
    const found = await hub.agent(agent);
    return found.health && found;
  });
  const age = (Date.now() - health.at_ms) / 1000;
  if (age > 60) throw new Error(`the newest sample is ${age.toFixed(0)} s old`);
  return [`${age.toFixed(1)} s old: processor ${(health.cpu_permille / 10).toFixed(0)} %, ${(health.disk_free / 1e9).toFixed(0)} GB free`];
});

await look("desired applied", async () => {
  const { desired, reported } = await until("the report", 30, async () => {
    const found = await hub.agent(agent);
    const same = found.desired && found.reported && found.reported.generation === found.desired.generation;
    return same && found.reported.digest === found.desired.digest && found;
  });
  if (reported.refusals.length > 0) throw new Error(`the agent refused: ${JSON.stringify(reported.refusals)}`);
  return [`generation ${reported.generation} of ${desired.generation}, same digest`];
});

const pull = await look("pull sealed", async () => {
  const began = Date.now();
  const asked = { start_ms: begin, end_ms: begin + CLIP_MS, reason, stream: "main", rendition: "original" };
  const { id } = await hub.post(`/cameras/${camera}/pulls`, asked);
  const ended = await until("the pull", 60, async () => {
    const found = await hub.get(`/pulls/${id}`);
    return ["sealed", "refused", "failed", "expired"].includes(found.state) && found;
  });
  if (ended.state !== "sealed") throw new Error(`${ended.state}: ${ended.refusal ?? "no reason given"}`);
  const seconds = (Date.now() - began) / 1000;
  return [`${CLIP_MS / 1000} s, ${size(ended.bytes_received)} in ${seconds.toFixed(1)} s`, ended];
});

const files = await look("digests", async () => {
  const { view } = await hub.post(`/pulls/${pull.id}/views`, { reason });
  const clip = await hub.get(`/views/${view}/clip`);
  const folder = join(data, "pulled");
  mkdirSync(folder, { recursive: true });
  const files = [];
  let pieces = 0;
  for (const segment of clip.segments) {
    const bytes = await hub.bytes(`/views/${view}/segments/${segment.n}`);
    const file = join(folder, `${segment.short}.mp4`);
    writeFileSync(file, bytes);
    files.push(file);
    pieces += compareWithVault(bytes, segment, join(data, "agent"), camera);
  }
  return [`${clip.segments.length} segments, ${pieces} pieces: each as hashed when it was recorded`, files];
});

await look("no frame lost", async () => {
  // Exits with 1 when a frame is lost or doubled.
  const counted = JSON.parse(execFileSync(join(programs, "farwatch-test-camera"), ["count", ...files], { encoding: "utf8" }));
  const least = (CLIP_MS / 1000) * FPS;
  if (counted.frames < least) throw new Error(`${counted.frames} frames instead of at least ${least}`);
  return [`${counted.frames} frames by the burnt-in counter, none lost, none doubled`];
});

await look("plays in the browser", async () => {
  const seen = await play(hub.base, pull, { name: "check", password, reason }, join(data, "logs"));
  return [`currentTime ${seen.currentTime.toFixed(1)} s after ${seen.seconds.toFixed(1)} s, ${seen.width}x${seen.height}`];
});

process.exitCode = broken ? 1 : 0;
