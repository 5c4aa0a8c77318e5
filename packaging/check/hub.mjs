// The people's door, spoken to over HTTPS with the hub's own CA and nothing else trusted.
//
// Belongs here: requests and the session. Does not: what is asked.
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";

export class Hub {
  #cookie = "";
  #agent;

  constructor(base, ca) {
    this.base = base;
    this.#agent = new Agent({ ca, keepAlive: true });
  }

  /** The hub whose data lies in this folder. */
  static async at(data) {
    const doors = JSON.parse(readFileSync(join(data, "hub/doors.json"), "utf8"));
    return new Hub(`https://${doors.people}`, readFileSync(join(data, "hub/keys/ca.pem")));
  }

  #send(method, path, body) {
    const url = path.startsWith("/healthz") ? this.base + path : `${this.base}/api/v1${path}`;
    const headers = { "X-Farwatch": "1", Cookie: this.#cookie };
    const text = body === undefined ? undefined : JSON.stringify(body);
    if (text !== undefined) headers["Content-Type"] = "application/json";
    return new Promise((done, fail) => {
      const asked = request(url, { method, headers, agent: this.#agent, timeout: 30_000 }, (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("error", fail);
        answer.on("end", () => {
          const bytes = Buffer.concat(parts);
          if (answer.statusCode < 300) done({ bytes, headers: answer.headers });
          else fail(new Error(`${method} ${path}: ${answer.statusCode} ${bytes.toString("utf8").slice(0, 300)}`));
        });
      });
      asked.on("timeout", () => asked.destroy(new Error(`${method} ${path}: no answer within 30 s`)));
      asked.on("error", fail);
      asked.end(text);
    });
  }

  /** Follows the set-up link: makes the first administrator and stays signed in. */
  async setUp(token, name, password) {
    const { headers } = await this.#send("POST", "/setup", { token, name, password });
    this.#cookie = headers["set-cookie"].map((cookie) => cookie.split(";")[0]).join("; ");
  }

  async bytes(path) {
    return (await this.#send("GET", path)).bytes;
  }

  async get(path) {
    return JSON.parse((await this.bytes(path)).toString("utf8"));
  }

  async post(path, body) {
    return JSON.parse((await this.#send("POST", path, body)).bytes.toString("utf8"));
  }

  async agent(id) {
    const { summary, ...rest } = await this.get(`/agents/${id}`);
    return { ...summary, ...rest };
  }

  async camera(id) {
    const { summary, ...rest } = await this.get(`/cameras/${id}`);
    return { ...summary, ...rest };
  }
}
