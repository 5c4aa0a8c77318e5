// What a strip says when asked: time, cause, size.
import type { Text } from "../text/en";
import { clock, type Language, length, range } from "../time/format";
import { rate } from "../time/size";
import { dayName } from "../time/zone";
import { besides, type ClockMark, type Lane, type Point, pointAt } from "./model";

export interface Saying {
  head: string;
  lines: string[];
  is: Point["is"] | "held";
}

export function say(
  lanes: readonly Lane[],
  at: number,
  now: number,
  slack: number,
  zone: string,
  language: Language,
  text: Text,
): Saying {
  const head = clock(at, zone, "second");
  const points = lanes.map((lane) => pointAt(lane, at, now, slack));
  const worst =
    points.find((p) => p.is === "gap" && p.cause !== "schedule") ??
    points.find((p) => p.is === "damaged") ??
    points.find((p) => p.is === "gap") ??
    points.find((p) => p.is === "unknown") ??
    points.find((p) => p.is === "kept") ??
    points[0];
  const lines: string[] = [];
  if (!worst) return { head, lines: [text.strip.nothing], is: "unknown" };
  const same = points.filter((p) => p.is === worst.is).length;
  const among = lanes.length > 1 ? ` · ${text.strip.cameras(same)}` : "";
  const when = (start: number, end: number) =>
    dayName(start, zone) === dayName(end, zone) && dayName(start, zone) === dayName(at, zone)
      ? `${clock(start, zone)} – ${clock(end, zone)}`
      : range(start, end, zone, language);
  if (worst.is === "gap") {
    lines.push((worst.cause === "schedule" ? text.strip.notDue : text.strip.gap(text.cause[worst.cause])) + among);
    if (worst.detail) lines.push(worst.detail);
    lines.push(`${when(worst.start, worst.end)} · ${length(worst.end - worst.start, language)}`);
  } else if (worst.is === "kept") {
    lines.push((worst.unsure ? text.strip.keptUnsure : text.strip.kept) + among);
    if (worst.bits !== null && lanes.length === 1) lines.push(text.strip.activity(rate(worst.bits)));
  } else if (worst.is === "damaged") {
    lines.push(text.strip.damaged + among);
    lines.push(`${when(worst.start, worst.end)} · ${length(worst.end - worst.start, language)}`);
  } else if (worst.is === "open") {
    lines.push(text.strip.recordingNow + among);
  } else if (worst.is === "deleted") {
    lines.push(text.strip.deleted);
    lines.push(`${when(worst.start, worst.end)} · ${length(worst.end - worst.start, language)}`);
  } else if (worst.is === "before") {
    lines.push(text.strip.before);
  } else if (worst.is === "future") {
    lines.push(text.strip.future);
  } else {
    lines.push(text.strip.unknown + among);
    if (Number.isFinite(worst.start)) {
      lines.push(`${when(worst.start, worst.end)} · ${length(worst.end - worst.start, language)}`);
    }
  }
  const hold = lanes.flatMap((l) => l.holds).find((h) => h.start_ms <= at && at <= h.end_ms);
  if (hold) lines.push(hold.reason ? text.strip.held(hold.reason) : text.camera.legend.held);
  for (const lane of lanes.slice(0, 4)) {
    const { events, marks } = besides(lane, at, slack);
    for (const e of events.slice(0, 2)) {
      const long = length(e.end_ms - e.start_ms, language);
      lines.push(`${text.strip.event(text.trigger[e.trigger], long)}${e.detail ? `: ${e.detail}` : ""}`);
    }
    for (const m of marks.slice(0, 1)) lines.push(clockWords(m, text, language));
  }
  return { head, lines, is: worst.is };
}

/** What happened to the clock: how far it moved, or what it became. */
export function clockWords(mark: ClockMark, text: Text, language: Language): string {
  if (mark.by_ms != null && mark.by_ms !== 0) {
    const far = length(Math.abs(mark.by_ms), language);
    return mark.by_ms > 0 ? text.strip.clockForward(far) : text.strip.clockBack(far);
  }
  const state = mark.state == null ? undefined : text.agent.clockState[mark.state];
  return state ? text.strip.clockState(state) : text.strip.clockChanged;
}
