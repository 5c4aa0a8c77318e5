// What a strip shows, as values: which moments are kept, missing, held, unsure or not accounted for, how much moved.
// Pure; drawing is `draw.ts`, pointing and keys are `Strip.tsx`. A lane is one camera stream; a site has many.
import type { GapCause } from "../api/types";

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

export interface Lane {
  spans: readonly StripSpan[];
  gaps: readonly StripGap[];
  holds: readonly StripHold[];
  /** Footage on the box that is not listed yet, the file still open: from, and until when that is known. */
  open_from_ms?: number | null;
  open_until_ms?: number | null;
  /** Start of the oldest footage: what lies before is not kept, and nobody expects it to be. */
  oldest_ms?: number | null;
}

export const noLane: Lane = { spans: [], gaps: [], holds: [] };

export type Point =
  | { is: "kept"; start: number; end: number; unsure: boolean; bits: number | null }
  | { is: "open"; start: number }
  | { is: "gap"; start: number; end: number; cause: GapCause; detail: string | null }
  | { is: "future" }
  | { is: "before"; oldest: number }
  | { is: "unknown"; start: number; end: number };

/** Spans this close belong together: a keyframe's breath between two files is not a hole. */
const touching = 2_000;

/** What a lane has at one instant. `slack` lets a pointer hit a gap thinner than itself. */
export function pointAt(lane: Lane, at: number, now: number, slack = 0): Point {
  const gap =
    lane.gaps.find((g) => g.start_ms <= at && at < g.end_ms) ??
    lane.gaps.find((g) => g.start_ms - slack <= at && at <= g.end_ms + slack);
  if (gap) {
    return { is: "gap", start: gap.start_ms, end: gap.end_ms, cause: gap.cause, detail: gap.detail ?? null };
  }
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
  if (lane.oldest_ms != null && at < lane.oldest_ms) return { is: "before", oldest: lane.oldest_ms };
  return { is: "unknown", ...holeAround(lane, at, now) };
}

/** Until when the open file reaches: what was last heard, or now while it was heard of within a minute and a half. */
function openEnd(lane: Lane, now: number): number {
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

export interface Raster {
  /** Per pixel: how many lanes are kept (a segment being written counts), missing, held, unsure; 1 = nothing is expected there: still to come, or older than what is kept. */
  kept: Uint16Array;
  gap: Uint16Array;
  held: Uint8Array;
  unsure: Uint8Array;
  future: Uint8Array;
  /** Height of each activity bar, 0..1; bars are `pitch` pixels apart. */
  bars: Float32Array;
  pitch: number;
  lanes: number;
}

/** Lays lanes onto `width` pixels between two instants. A gap is never thinner than two pixels. */
export function raster(
  lanes: readonly Lane[],
  from: number,
  to: number,
  width: number,
  now: number,
  pitch = 3,
): Raster {
  const w = Math.max(1, Math.floor(width));
  const perPixel = (to - from) / w;
  const px = (ms: number) => (ms - from) / perPixel;
  const out: Raster = {
    kept: new Uint16Array(w),
    gap: new Uint16Array(w),
    held: new Uint8Array(w),
    unsure: new Uint8Array(w),
    future: new Uint8Array(w),
    bars: new Float32Array(Math.ceil(w / pitch)),
    pitch,
    lanes: lanes.length,
  };
  const rates = new Float64Array(out.bars.length);
  for (const lane of lanes) {
    const seen = new Uint8Array(w);
    for (const span of lane.spans) {
      const [a, b] = [
        Math.max(0, Math.floor(px(span.start_ms) + 0.5)),
        Math.min(w, Math.ceil(px(span.end_ms + touching))),
      ];
      for (let x = a; x < b; x++) {
        if (seen[x]) continue;
        seen[x] = 1;
        out.kept[x] = (out.kept[x] ?? 0) + 1;
        if (isUnsure(span)) out.unsure[x] = 1;
      }
      addActivity(rates, span, from, perPixel * pitch);
    }
    if (lane.open_from_ms != null) {
      const [a, b] = [Math.max(0, Math.floor(px(lane.open_from_ms))), Math.min(w, Math.ceil(px(openEnd(lane, now))))];
      for (let x = a; x < b; x++) if (!seen[x]) out.kept[x] = (out.kept[x] ?? 0) + 1;
    }
    for (const gap of lane.gaps) {
      let [a, b] = [Math.floor(px(gap.start_ms)), Math.ceil(px(gap.end_ms))];
      if (b <= 0 || a >= w) continue;
      if (b - a < 2) b = a + 2;
      if (b > w) [a, b] = [Math.min(a, w - 2), w];
      for (let x = Math.max(0, a); x < b; x++) out.gap[x] = (out.gap[x] ?? 0) + 1;
    }
    for (const hold of lane.holds) {
      const [a, b] = [Math.max(0, Math.floor(px(hold.start_ms))), Math.min(w, Math.ceil(px(hold.end_ms)))];
      for (let x = a; x < b; x++) out.held[x] = 1;
    }
  }
  for (let x = Math.max(0, Math.ceil(px(now))); x < w; x++) out.future[x] = 1;
  if (lanes.length > 0 && lanes.every((lane) => lane.oldest_ms != null)) {
    const oldest = Math.min(...lanes.map((lane) => lane.oldest_ms ?? now));
    for (let x = 0; x < Math.min(w, Math.floor(px(oldest))); x++) out.future[x] = 1;
  }
  out.bars = heights(rates);
  return out;
}

function addActivity(rates: Float64Array, span: StripSpan, from: number, perBar: number) {
  const length = span.end_ms - span.start_ms;
  if (length <= 0) return;
  const slots = span.activity.length > 0 ? span.activity : [span.bytes];
  const slot = length / slots.length;
  for (let i = 0; i < slots.length; i++) {
    const [a, b] = [(span.start_ms + i * slot - from) / perBar, (span.start_ms + (i + 1) * slot - from) / perBar];
    const first = Math.max(0, Math.floor(a));
    const last = Math.min(rates.length - 1, Math.ceil(b) - 1);
    for (let x = first; x <= last; x++) {
      const share = (Math.min(b, x + 1) - Math.max(a, x)) / (b - a);
      rates[x] = (rates[x] ?? 0) + (slots[i] ?? 0) * share;
    }
  }
}

/** Bytes become heights between the quiet and the busy of this strip: a camera's resting bitrate is not activity. */
function heights(rates: Float64Array): Float32Array {
  const some = Array.from(rates)
    .filter((r) => r > 0)
    .sort((a, b) => a - b);
  const bars = new Float32Array(rates.length);
  if (some.length === 0) return bars;
  const low = some[Math.floor(some.length * 0.1)] ?? 0;
  const high = some[Math.min(some.length - 1, Math.floor(some.length * 0.97))] ?? 1;
  const spread = high - low;
  for (let i = 0; i < rates.length; i++) {
    const r = rates[i] ?? 0;
    if (r <= 0) continue;
    const busy = spread > 0 ? (r - low) / spread : 0;
    // With little spread nothing stands out, and the strip says so by staying low.
    const scale = Math.min(1, (spread / high) * 3);
    bars[i] = Math.max(0.1, Math.min(1, 0.14 + busy * 0.86 * scale));
  }
  return bars;
}

export interface Account {
  kept: number;
  missing: number;
  unknown: number;
  gaps: number;
}

/** How much of a range is kept, missing with a cause, and not accounted for, in ms. Future time counts for nothing. */
export function account(lane: Lane, from: number, to: number, now: number): Account {
  const end = Math.min(to, now);
  if (end <= from) return { kept: 0, missing: 0, unknown: 0, gaps: 0 };
  const open = lane.open_from_ms != null ? [{ start_ms: lane.open_from_ms, end_ms: openEnd(lane, now) }] : [];
  const gaps = lane.gaps.filter((g) => g.start_ms < end && g.end_ms > from);
  const kept = covered([...lane.spans, ...open], from, end);
  const missing = covered(gaps, from, end);
  const both = covered([...lane.spans, ...open, ...gaps], from, end);
  const before = lane.oldest_ms != null ? Math.max(0, Math.min(end, lane.oldest_ms) - from) : 0;
  const early = before > 0 ? covered([...lane.spans, ...gaps], from, from + before) : 0;
  const unknown = Math.max(0, end - from - both - (before - early));
  return { kept, missing, unknown: unknown > touching ? unknown : 0, gaps: gaps.length };
}

/** Length of the union, joining what touches. */
function covered(list: readonly { start_ms: number; end_ms: number }[], from: number, to: number): number {
  const cut = list
    .map((s) => [Math.max(from, s.start_ms), Math.min(to, s.end_ms)] as const)
    .filter(([a, b]) => b > a)
    .sort((x, y) => x[0] - y[0]);
  let [sum, reach] = [0, from];
  for (const [a, b] of cut) {
    const start = a - reach <= touching && a > reach && sum > 0 ? reach : Math.max(a, reach);
    if (b > reach) {
      sum += b - start;
      reach = b;
    }
  }
  return sum;
}

/** The next gap that begins after an instant. */
export function nextGap(lanes: readonly Lane[], after: number): number | null {
  const starts = lanes.flatMap((l) => l.gaps.map((g) => g.start_ms)).filter((s) => s > after + 500);
  return starts.length ? Math.min(...starts) : null;
}

/** The next bar after an instant that stands out from its surroundings. */
export function nextActivity(r: Raster, from: number, to: number, after: number): number | null {
  const per = ((to - from) / r.kept.length) * r.pitch;
  const first = Math.max(0, Math.floor((after - from) / per) + 1);
  for (let i = first; i < r.bars.length; i++) {
    const [now, before] = [r.bars[i] ?? 0, r.bars[i - 1] ?? 0];
    if (now >= 0.6 && before < 0.6) return from + i * per;
  }
  return null;
}
