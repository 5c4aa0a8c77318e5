// The player's decisions, pure: where a file lies on the clip's timeline, what to fetch next, when to jump a gap.
//
// Each segment is a file of its own whose decode times count from its first frame. The clip's timeline counts seconds
// from `base`, a little before the earliest frame: a frame rounded to below zero would be dropped with its whole GOP.
import type { Clip, ClipSegment } from "../api/types";

/** Wall time of the timeline's zero. */
export function baseOf(clip: Clip): number {
  const first = Math.min(clip.start_ms, ...clip.segments.map((s) => s.sent_start_ms));
  return first - 100;
}

/** `SourceBuffer.timestampOffset` of a segment, in seconds. Negative for a file begun before the clip. */
export function offsetOf(segment: ClipSegment, base: number): number {
  return (segment.start_ms - base) / 1000;
}

/** The content type MSE is asked for. */
export function mimeOf(segment: Pick<ClipSegment, "codec" | "audio_codec">): string {
  return `video/mp4; codecs="${[segment.codec, segment.audio_codec].filter(Boolean).join(",")}"`;
}

export interface Cursor {
  /** Index into the clip's segments. */
  at: number;
  /** Bytes of it already appended. */
  offset: number;
}

export interface Chunk {
  segment: ClipSegment;
  from: number;
  to: number;
}

/** At most this much is asked for at once. */
export const chunkSize = 1_500_000;

/** What to fetch next, or null when nothing more has arrived. A segment is finished before the next is begun. */
export function nextChunk(clip: Clip, cursor: Cursor): Chunk | null {
  const segment = clip.segments[cursor.at];
  if (!segment || cursor.offset >= segment.bytes_ready) return null;
  return { segment, from: cursor.offset, to: Math.min(segment.bytes_ready, cursor.offset + chunkSize) };
}

/** Moves past what is finished. A pull that ended early leaves torn segments behind: those are passed over too. */
export function advance(clip: Clip, cursor: Cursor, over: boolean): Cursor {
  let next = cursor;
  for (;;) {
    const segment = clip.segments[next.at];
    if (!segment) return next;
    const done = segment.complete ? next.offset >= segment.bytes_total : over && next.offset >= segment.bytes_ready;
    if (!done) return next;
    next = { at: next.at + 1, offset: 0 };
  }
}

/** Whether everything that will ever arrive has been appended. */
export function exhausted(clip: Clip, cursor: Cursor, over: boolean): boolean {
  return over && clip.segments.length > 0 && cursor.at >= clip.segments.length;
}

/** Index of the segment that holds a wall time, or of the first one after it. */
export function segmentAt(clip: Clip, wall_ms: number): number {
  const at = clip.segments.findIndex((s) => wall_ms < s.end_ms);
  return at < 0 ? Math.max(0, clip.segments.length - 1) : at;
}

/** Until when footage has arrived without a break, as wall time; bytes stand for time within a segment. */
export function arrivedUntil(clip: Clip): number {
  let until = clip.segments[0]?.sent_start_ms ?? clip.start_ms;
  for (const s of clip.segments) {
    if (!s.complete) {
      return s.bytes_total > 0 && s.bytes_ready > 0
        ? s.sent_start_ms + ((s.end_ms - s.sent_start_ms) * s.bytes_ready) / s.bytes_total
        : until;
    }
    until = s.end_ms;
  }
  return until;
}

export type Ranges = readonly (readonly [number, number])[];

export function isBuffered(ranges: Ranges, t: number, need = 0.05): boolean {
  return ranges.some(([a, b]) => a - 0.05 <= t && t + need <= b);
}

/** Whether a segment lies whole in the buffer, so that it need not be fetched again. */
export function isWhole(segment: ClipSegment, base: number, ranges: Ranges): boolean {
  const [a, b] = [(segment.sent_start_ms - base) / 1000 + 0.3, (segment.end_ms - base) / 1000 - 0.3];
  return b > a && ranges.some(([x, y]) => x <= a && b <= y);
}

export interface Jump {
  /** Second to go on from. */
  to: number;
  /** Wall times of the hole. */
  start_ms: number;
  end_ms: number;
}

/** A hole in the footage the picture stands before, when what follows is there. Holes not yet filled are waited for. */
export function jumpFrom(clip: Clip, base: number, t: number, ranges: Ranges): Jump | null {
  if (isBuffered(ranges, t, 0.12)) return null;
  const wall = base + t * 1000;
  const next = ranges.find(([a]) => a > t);
  if (!next) return null;
  const start = base + next[0] * 1000;
  // Something of the clip lies between: it is still arriving.
  const awaited = clip.segments.some(
    (s) =>
      s.sent_start_ms + 400 < start &&
      s.end_ms - 400 > wall &&
      !(s.sent_start_ms > wall && s.sent_start_ms >= start - 400),
  );
  if (awaited && start - wall > 1_000) return null;
  return { to: next[0] + 0.02, start_ms: wall, end_ms: start };
}

/** The shortest interval between shown frames: the length of one frame, in seconds. */
export function frameLength(times: readonly number[]): number {
  const steps = times
    .slice(1)
    .map((t, i) => t - (times[i] ?? t))
    .filter((d) => d > 0.004 && d < 0.6);
  if (steps.length === 0) return 0.05;
  return steps.sort((a, b) => a - b)[Math.floor(steps.length / 4)] ?? 0.05;
}
