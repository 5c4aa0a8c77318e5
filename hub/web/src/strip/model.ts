// What a strip shows, as values: which moments are kept, missing, held, unsure or not accounted for, how much moved.
// Pure; pixels are `raster.ts`, sums `account.ts`, drawing `draw.ts`, pointing and keys `Strip.tsx`. A lane is one camera
// stream; a site has many.
import type { GapCause, Trigger } from "../api/types";

export interface StripSpan {
  start_ms: number;
  end_ms: number;
  bytes: number;
  activity: readonly number[];
  clock?: string | null;
}

export interface StripGap {
  start_ms: number;
  end_ms: number;
  cause: GapCause;
  detail?: string | null;
}

export interface StripHold {
  id: string;
  start_ms: number;
  end_ms: number;
  reason: string;
}

/** Something happened in front of the camera, or somebody said so. */
export interface StripEvent {
  start_ms: number;
  end_ms: number;
  trigger: Trigger;
  detail?: string | null;
}

/** Stored footage that no longer matches its digest, or does not decode. */
export interface StripDamage {
  start_ms: number;
  end_ms: number;
}

/** The box's clock was stepped, or its state changed. */
export interface ClockMark {
  at_ms: number;
  /** How far the clock moved; positive is forward. */
  by_ms?: number | null;
  state?: string | null;
}

export interface Lane {
  spans: readonly StripSpan[];
  gaps: readonly StripGap[];
  holds: readonly StripHold[];
  events?: readonly StripEvent[];
  damage?: readonly StripDamage[];
  clock_marks?: readonly ClockMark[];
  /** Removed by retention, as certified. */
  deleted?: readonly StripDamage[];
  /** Footage on the box that is not listed yet, the file still open: from, and until when that is known. */
  open_from_ms?: number | null;
  open_until_ms?: number | null;
  /** Start of the oldest footage: what lies before is not kept, and nobody expects it to be. */
  oldest_ms?: number | null;
}

export const noLane: Lane = { spans: [], gaps: [], holds: [] };

export type Point =
  | { is: "kept"; start: number; end: number; unsure: boolean; bits: number | null }
  | { is: "damaged"; start: number; end: number }
  | { is: "open"; start: number }
  | { is: "deleted"; start: number; end: number }
  | { is: "gap"; start: number; end: number; cause: GapCause; detail: string | null }
  | { is: "future" }
  | { is: "before"; oldest: number }
  | { is: "unknown"; start: number; end: number };

/** Spans this close belong together: a keyframe's breath between two files is not a hole. */
export const touching = 2_000;

/** What a lane has at one instant. `slack` lets a pointer hit a gap thinner than itself. */
export function pointAt(lane: Lane, at: number, now: number, slack = 0): Point {
  const gap =
    lane.gaps.find((g) => g.start_ms <= at && at < g.end_ms) ??
    lane.gaps.find((g) => g.cause !== "schedule" && g.start_ms - slack <= at && at <= g.end_ms + slack);
  if (gap) {
    return { is: "gap", start: gap.start_ms, end: gap.end_ms, cause: gap.cause, detail: gap.detail ?? null };
  }
  const damage = (lane.damage ?? []).find((d) => d.start_ms - slack <= at && at < d.end_ms + slack);
  if (damage) return { is: "damaged", start: damage.start_ms, end: damage.end_ms };
  const i = lane.spans.findIndex((s) => s.start_ms <= at && at < s.end_ms + touching);
  const span = lane.spans[i];
  if (span) {
    let [start, end] = [span.start_ms, span.end_ms];
    for (let k = i - 1; k >= 0; k--) {
      const s = lane.spans[k];
      if (!s || start - s.end_ms > touching) break;
      start = s.start_ms;
    }
    for (let k = i + 1; k < lane.spans.length; k++) {
      const s = lane.spans[k];
      if (!s || s.start_ms - end > touching) break;
      end = Math.max(end, s.end_ms);
    }
    return { is: "kept", start, end, unsure: isUnsure(span), bits: bitsAt(span, at) };
  }
  if (at > now) return { is: "future" };
  if (lane.open_from_ms != null && at >= lane.open_from_ms - touching && at < openEnd(lane, now))
    return { is: "open", start: lane.open_from_ms };
  const gone = (lane.deleted ?? []).find((d) => d.start_ms <= at && at < d.end_ms);
  if (gone) return { is: "deleted", start: gone.start_ms, end: gone.end_ms };
  if (lane.oldest_ms != null && at < lane.oldest_ms) return { is: "before", oldest: lane.oldest_ms };
  return { is: "unknown", ...holeAround(lane, at, now) };
}

/** Until when the open file reaches: what was last heard, or now while it was heard of within a minute and a half. */
export function openEnd(lane: Lane, now: number): number {
  const until = lane.open_until_ms ?? now;
  return now - until < 90_000 ? now : until;
}

function holeAround(lane: Lane, at: number, now: number): { start: number; end: number } {
  let [start, end] = [Number.NEGATIVE_INFINITY, now];
  for (const s of [...lane.spans, ...lane.gaps]) {
    if (s.end_ms <= at) start = Math.max(start, s.end_ms);
    if (s.start_ms > at) end = Math.min(end, s.start_ms);
  }
  return { start, end };
}

export function isUnsure(span: StripSpan): boolean {
  return span.clock === "unsynced" || span.clock === "rtc";
}

function bitsAt(span: StripSpan, at: number): number | null {
  const length = span.end_ms - span.start_ms;
  if (length <= 0) return null;
  if (span.activity.length === 0) return (span.bytes * 8_000) / length;
  const slot = Math.min(span.activity.length - 1, Math.floor(((at - span.start_ms) / length) * span.activity.length));
  return ((span.activity[Math.max(0, slot)] ?? 0) * 8_000 * span.activity.length) / length;
}

/** What lies at an instant beside the footage itself: events, and marks of the clock. */
export function besides(lane: Lane, at: number, slack: number): { events: StripEvent[]; marks: ClockMark[] } {
  return {
    events: (lane.events ?? []).filter((e) => e.start_ms - slack <= at && at <= e.end_ms + slack),
    marks: (lane.clock_marks ?? []).filter((m) => Math.abs(m.at_ms - at) <= slack),
  };
}

/** The next gap that begins after an instant; what was not due is no gap to look for. */
export function nextGap(lanes: readonly Lane[], after: number): number | null {
  const starts = lanes
    .flatMap((l) => l.gaps.filter((g) => g.cause !== "schedule").map((g) => g.start_ms))
    .filter((s) => s > after + 500);
  return starts.length ? Math.min(...starts) : null;
}

/** The next event that begins after an instant. */
export function nextEvent(lanes: readonly Lane[], after: number): number | null {
  const starts = lanes.flatMap((l) => (l.events ?? []).map((e) => e.start_ms)).filter((s) => s > after + 500);
  return starts.length ? Math.min(...starts) : null;
}
