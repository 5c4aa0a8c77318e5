// A whole house for the page to look at: a hub, a box, a test camera, each the real program in a folder of its own.
//
// Belongs here: starting, enrolling and stopping them. Does not: anything seen in a browser (`walk.mjs`).
import { execFile, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Where the programs are: `FARWATCH_BIN_DIR`, else the debug build beside the sources. */
export function programs() {
  const target = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, "../../target");
  return process.env.FARWATCH_BIN_DIR ?? join(target, "debug");
}

/** Polls until `ask` gives something. */
export async function until(what, seconds, ask) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what} did not come within ${seconds} s`);
    await wait(200);
  }
}

export class House {
  folder = mkdtempSync(join(tmpdir(), "farwatch-page-"));
  #children = [];
  #camera_process;

  /** Starts a hub with no site in it, and the camera. */
  static async start() {
    const house = new House();
    try {
      await house.#hub();
      await house.#camera();
    } catch (error) {
      console.error(house.logs());
      await house.stop();
      throw error;
    }
    return house;
  }

  async #hub() {
    const dir = join(this.folder, "hub");
    mkdirSync(dir);
    const hub = join(programs(), "farwatch-hub");
    const { stdout } = await run(hub, [
      ...["--dir", dir, "init", "--json", "--name", "Mei Hua Security", "--host", "127.0.0.1"],
      ...["--owner-key-out", join(this.folder, "owner-key.pem")],
    ]);
    const token = new URL(JSON.parse(stdout).setup_url).hash;
    const settings = join(dir, "hub.toml");
    const kept = readFileSync(settings, "utf8").split("\n").filter((line) => !line.includes("_listen"));
    const doors = ["mqtt", "agents", "people", "metrics"].map((door) => `${door}_listen = "127.0.0.1:0"`);
    writeFileSync(settings, [...doors, ...kept, ""].join("\n"));
    this.#launch("hub", hub, ["--dir", dir, "run"]);
    const open = join(dir, "doors.json");
    await until("the hub's doors", 30, () => existsSync(open));
    const people = JSON.parse(readFileSync(open, "utf8")).people;
    this.base = `https://${people.replace("0.0.0.0", "127.0.0.1")}`;
    this.setup = `${this.base}/setup${token}`;
  }

  async #camera() {
    const password = join(this.folder, "camera-password");
    this.cameraPassword = "rain:on the roof";
    writeFileSync(password, `${this.cameraPassword}\n`, { mode: 0o600 });
    const camera = join(programs(), "farwatch-test-camera");
    await run(camera, ["clips"], { maxBuffer: 1 << 24 });
    const out = join(this.folder, "camera.json");
    this.#camera_process = this.#launch(
      "camera",
      camera,
      ["--listen", "127.0.0.1:0", "--mounts", "1", "--user", "viewer", "--password-file", password],
      out,
    );
    const ready = await until("the camera", 60, () => {
      const line = readFileSync(out, "utf8").split("\n")[0];
      return line?.endsWith("}") ? JSON.parse(line) : null;
    });
    this.rtsp = `rtsp://${ready.rtsp}`;
  }

  /** A box joins with this enrolment link and begins its work. */
  async box(url) {
    const dir = join(this.folder, "agent");
    const link = join(this.folder, "link");
    writeFileSync(link, `${url}\n`, { mode: 0o600 });
    const agent = join(programs(), "farwatch-agent");
    await run(agent, ["--dir", dir, "enrol", "--file", link]);
    this.#launch("agent", agent, ["--dir", dir, "run"]);
  }

  #launch(name, program, args, out) {
    const log = openSync(join(this.folder, `${name}.log`), "a");
    const stdout = out ? openSync(out, "w") : log;
    const child = spawn(program, args, { stdio: ["ignore", stdout, log] });
    closeSync(log);
    if (out) closeSync(stdout);
    this.#children.push(child);
    return child;
  }

  /** Somebody at the site says that something happens: `farwatch-agent trigger`. */
  async trigger(camera, words, seconds) {
    const agent = join(programs(), "farwatch-agent");
    const what = ["--camera", camera, "--kind", "input", "--pulse", `${seconds}s`, "--detail", words];
    await run(agent, ["--dir", join(this.folder, "agent"), "trigger", ...what]);
  }

  /** The test camera sends nothing for so long; its connections stay as they are. */
  async silence(seconds) {
    this.#camera_process.kill("SIGSTOP");
    await wait(seconds * 1000);
    this.#camera_process.kill("SIGCONT");
  }

  /** The last words of each program, for a failure's sake. */
  logs() {
    return ["hub", "agent", "camera"]
      .map((name) => [name, join(this.folder, `${name}.log`)])
      .filter(([, path]) => existsSync(path))
      .map(([name, path]) => `--- ${name}\n${readFileSync(path, "utf8").split("\n").slice(-25).join("\n")}`)
      .join("\n");
  }

  async stop() {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(timer);
    }
    await this.#recorder();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  /** A recorder outlives its agent; this one is stopped by the id it wrote down itself. */
  async #recorder() {
    const { stdout } = await run("pgrep", ["-f", `farwatch-agent.*${join(this.folder, "agent")}`]).catch(() => ({ stdout: "" }));
    const ids = stdout.split("\n").map(Number).filter((id) => id > 1 && id !== process.pid);
    const lives = (id, signal = 0) => {
      try {
        return process.kill(id, signal);
      } catch {
        return false; // It ended by itself.
      }
    };
    for (const id of ids) lives(id, "SIGTERM");
    // It writes its last words into the folder that is about to go.
    await until("the recorder's end", 20, () => !ids.some((id) => lives(id))).catch(() => {
      for (const id of ids) lives(id, "SIGKILL");
    });
  }
}
