// What a journal entry says, in the reader's words: the deed by its name, details by theirs, ids as the things they name.
// The whole entry, word for word, is in the saved table.
import type { Fleet, JournalEntry, RecordingTerms } from "../api/types";
import type { Text } from "../text/en";
import { type Language, length, range, stamp } from "../time/format";
import { bytes } from "../time/size";
import { recordingWords } from "./recordingWords";

export interface Thing {
  name: string;
  path: string;
}

/** What an id of the fleet names. */
export function thing(fleet: Fleet | undefined, id: string): Thing | null {
  for (const site of fleet?.sites ?? []) {
    if (site.id === id) return { name: site.name, path: `/sites/${id}` };
    const camera = site.cameras.find((c) => c.id === id);
    if (camera) return { name: camera.name, path: `/cameras/${id}` };
    const agent = site.agents.find((a) => a.id === id);
    if (agent) return { name: agent.name, path: `/agents/${id}` };
  }
  return null;
}

/** The deed: `pull.seal` is "footage complete, verified". A deed nobody translated keeps its own name. */
export function deed(entry: JournalEntry, text: Text): string {
  return text.journal.deed[entry.action] ?? entry.action;
}

/** Said elsewhere in the row, or of no use to a reader. */
const silent = new Set(["kind", "order", "stream.main", "payload", "payloadType", "signatures", "boot_id", "boot_ns"]);

/** The details as names and values, times as one range, ids as what they name. */
export function details(
  entry: JournalEntry,
  fleet: Fleet | undefined,
  people: ReadonlyMap<string, string>,
  text: Text,
  language: Language,
): [string, string][] {
  const t = text.journal;
  const flat = new Map(laidOpen(entry.detail));
  const terms = entry.detail.terms;
  if (typeof terms === "string") {
    // How a camera is recorded, whole: one line says more than its numbers.
    for (const path of [...flat.keys()]) if (path === "recording" || path.startsWith("terms")) flat.delete(path);
    const read = termsOf(terms);
    flat.set("recording", read ? recordingWords(read, text, language) : terms);
  }
  const out: [string, string][] = [];
  const [start, end] = [flat.get("start_ms"), flat.get("end_ms")];
  if (typeof start === "number" && typeof end === "number") {
    flat.delete("start_ms");
    flat.delete("end_ms");
    out.push([t.detail.range ?? "range", range(start, end, "UTC", language)]);
  }
  for (const [path, value] of flat) {
    // What changed is no outcome.
    const key = path === "change.is" ? "change" : (path.split(".").at(-1) ?? path);
    if (silent.has(key) || silent.has(`${key}.${value}`) || value === null || value === "") continue;
    out.push([t.detail[key] ?? key, said(key, value, fleet, people, text, language)]);
  }
  return out;
}

function said(
  key: string,
  value: unknown,
  fleet: Fleet | undefined,
  people: ReadonlyMap<string, string>,
  text: Text,
  language: Language,
): string {
  if (typeof value === "number") {
    if (key.endsWith("_ms") && value > 1e12) return stamp(value, "UTC", language);
    if (key === "bytes" || key.endsWith("_bytes")) return bytes(value);
    if (key === "by_ms") return `${value < 0 ? "−" : "+"}${length(Math.abs(value), language)}`;
    if (key === "ceiling_days" && value === 0) return text.common.none;
    if (key.endsWith("_days")) return text.camera.facts.days(value);
  }
  if (typeof value === "boolean") return text.journal.value[String(value)] ?? String(value);
  if (typeof value === "string") {
    const named = thing(fleet, value)?.name ?? people.get(value) ?? text.journal.value[value];
    if (named) return named;
    if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(value)) return `${value.slice(0, 13)}…`;
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Recording terms as the hub journals them: as on the wire, `{"schedule": {…}}`, or tagged by mode. */
function termsOf(json: string): RecordingTerms | null {
  const found = parsed(json);
  if (!found || typeof found !== "object") return null;
  if ("mode" in found) return found as RecordingTerms;
  const [mode, terms] = Object.entries(found)[0] ?? [];
  return mode && terms && typeof terms === "object" ? ({ mode, ...terms } as unknown as RecordingTerms) : null;
}

/** Names and values on one level; a fact that rides along whole is laid open. */
function laidOpen(value: Record<string, unknown>, above = ""): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    const opened = typeof inner === "string" && inner.startsWith("{") ? parsed(inner) : inner;
    if (opened && typeof opened === "object" && !Array.isArray(opened)) {
      return laidOpen(opened as Record<string, unknown>, key === "fact" ? above : `${above}${key}.`);
    }
    return [[`${above}${key}`, opened]];
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Kept short by the hub, and so cut in the middle: what is whole is shown.
    const whole = [...text.matchAll(/"(\w+)":(?:"([^"]*)"|(\d+))/g)].map(([, key, words, n]) => [
      key,
      n ? Number(n) : words,
    ]);
    return whole.length > 0 ? Object.fromEntries(whole) : text;
  }
}
