// The camera's answer: is it recording now. Pure.
import type { CameraDetail, CameraSummary, Presence, StreamNow } from "../api/types";
import type { Text } from "../text/en";
import { type Language, length } from "../time/format";
import { isWatching, type Level } from "./fleet";

export interface Answer {
  level: Level;
  words: string;
}

/** The full picture as last reported. */
export function mainStream(camera: CameraDetail): StreamNow | null {
  return camera.streams.find((s) => s.stream === "main") ?? null;
}

/** What is said of a camera, given what its box is known to be. A box that is away makes its cameras unknown. */
export function cameraAnswer(
  camera: Pick<CameraSummary, "recording" | "state" | "since_ms" | "last_committed_ms">,
  presence: Presence | null,
  now: number,
  text: Text,
  language: Language,
): Answer {
  const t = text.camera;
  if (camera.recording === "off" || camera.state === "disabled") return { level: "off", words: t.off };
  if (presence !== null && presence !== "online" && presence !== "late") {
    const last = camera.last_committed_ms;
    return { level: "unknown", words: last == null ? t.unknownPlain : t.unknown(length(now - last, language)) };
  }
  if (camera.state === "recording") return { level: "good", words: t.recordingPlain };
  if (isWatching(camera)) {
    return { level: "good", words: camera.recording === "live_only" ? t.liveOnly : t.nothingDue };
  }
  if (camera.state === "starting") return { level: "late", words: t.starting };
  if (camera.state === "unknown") return { level: "unknown", words: t.unknownPlain };
  const why = text.state[camera.state];
  return {
    level: "bad",
    words: camera.since_ms == null ? t.notPlain(why) : t.not(length(now - camera.since_ms, language), why),
  };
}
