// Lanes laid onto pixels: what every pixel of a strip holds, and how high its activity stands. Pure.
import { isUnsure, type Lane, openEnd, type StripSpan, touching } from "./model";

export interface Raster {
  /** Per pixel: how many lanes are kept (a segment being written counts), missing, held, unsure; 1 = nothing is expected there: still to come, not due, or older than what is kept. */
  kept: Uint16Array;
  gap: Uint16Array;
  held: Uint8Array;
  /** 1 = the box ran on its own clock, 2 = nobody had set it. */
  unsure: Uint8Array;
  future: Uint8Array;
  /** 1 = damaged footage; 1 = an event, its first pixel 2; 1 = a mark of the clock. */
  damaged: Uint8Array;
  event: Uint8Array;
  mark: Uint8Array;
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
    damaged: new Uint8Array(w),
    event: new Uint8Array(w),
    mark: new Uint8Array(w),
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
        if (isUnsure(span)) out.unsure[x] = Math.max(out.unsure[x] ?? 0, span.clock === "unsynced" ? 2 : 1);
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
      // Not due is no loss: the ground of what nobody expects, without a thread.
      if (gap.cause === "schedule") {
        if (lanes.length === 1) for (let x = Math.max(0, a); x < Math.min(w, b); x++) out.future[x] = 1;
        continue;
      }
      if (b - a < 2) b = a + 2;
      if (b > w) [a, b] = [Math.min(a, w - 2), w];
      for (let x = Math.max(0, a); x < b; x++) out.gap[x] = (out.gap[x] ?? 0) + 1;
    }
    // Removed by rule and certified: nothing is expected there any more.
    for (const gone of lanes.length === 1 ? (lane.deleted ?? []) : []) {
      const [a, b] = [Math.max(0, Math.floor(px(gone.start_ms))), Math.min(w, Math.ceil(px(gone.end_ms)))];
      for (let x = a; x < b; x++) if (!out.kept[x] && !out.gap[x]) out.future[x] = 1;
    }
    for (const hold of lane.holds) {
      const [a, b] = [Math.max(0, Math.floor(px(hold.start_ms))), Math.min(w, Math.ceil(px(hold.end_ms)))];
      for (let x = a; x < b; x++) out.held[x] = 1;
    }
    addMarks(out, lane, px, w);
  }
  for (let x = Math.max(0, Math.ceil(px(now))); x < w; x++) out.future[x] = 1;
  if (lanes.length > 0 && lanes.every((lane) => lane.oldest_ms != null)) {
    const oldest = Math.min(...lanes.map((lane) => lane.oldest_ms ?? now));
    for (let x = 0; x < Math.min(w, Math.floor(px(oldest))); x++) out.future[x] = 1;
  }
  out.bars = heights(rates);
  return out;
}

/** Damage, events and clock marks: never thinner than can be seen. */
function addMarks(out: Raster, lane: Lane, px: (ms: number) => number, w: number) {
  const stretch = (span: { start_ms: number; end_ms: number }, least: number): [number, number] | null => {
    const a = Math.floor(px(span.start_ms));
    const b = Math.max(a + least, Math.ceil(px(span.end_ms)));
    return b <= 0 || a >= w ? null : [Math.max(0, Math.min(a, w - least)), Math.min(w, b)];
  };
  for (const damage of lane.damage ?? []) {
    const [a, b] = stretch(damage, 3) ?? [0, 0];
    for (let x = a; x < b; x++) out.damaged[x] = 1;
  }
  for (const event of lane.events ?? []) {
    const [a, b] = stretch(event, 1) ?? [0, 0];
    for (let x = a; x < b; x++) out.event[x] = Math.max(out.event[x] ?? 0, x === a ? 2 : 1);
  }
  for (const { at_ms } of lane.clock_marks ?? []) {
    const x = Math.round(px(at_ms));
    if (x >= 0 && x < w) out.mark[x] = 1;
  }
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
