import { expect, test } from "vitest";
import type { Clip, ClipSegment } from "../api/types";
import {
  advance,
  arrivedUntil,
  baseOf,
  exhausted,
  frameLength,
  isWhole,
  jumpFrom,
  mimeOf,
  nextChunk,
  offsetOf,
  segmentAt,
} from "./plan";

const segment = (
  n: number,
  start: number,
  end: number,
  ready = 100,
  change: Partial<ClipSegment> = {},
): ClipSegment => ({
  n,
  short: `s${n}`,
  start_ms: start,
  end_ms: end,
  sent_start_ms: start,
  bytes_total: 100,
  bytes_ready: ready,
  complete: ready === 100,
  codec: "avc1.640028",
  width: 1920,
  height: 1080,
  derived: false,
  ...change,
});
const clip = (...segments: ClipSegment[]): Clip => ({
  pull: "p",
  state: "pulling",
  time_zone: "UTC",
  complete: false,
  derived: false,
  codec: "avc1.640028",
  start_ms: 10_000,
  end_ms: 90_000,
  segments,
});

test("a clip that begins in the middle of a file keeps every frame at a positive time", () => {
  // The file began 30 s before the first frame that was sent: tfdt of that frame is 30 s.
  const c = clip(segment(0, 9_300, 40_000, 100, { start_ms: -20_700 }));
  const base = baseOf(c);
  const first = 30 + offsetOf(c.segments[0] ?? fail(), base);
  expect(first).toBeGreaterThan(0);
  expect(base + first * 1000).toBeCloseTo(9_300);
});

test("wall time runs on across files and gaps", () => {
  const c = clip(segment(0, 10_000, 40_000), segment(1, 55_000, 90_000));
  const base = baseOf(c);
  expect(offsetOf(c.segments[1] ?? fail(), base) - offsetOf(c.segments[0] ?? fail(), base)).toBe(45);
});

test("bytes are asked for as they arrive and never twice", () => {
  const c = clip(segment(0, 10_000, 40_000, 60));
  expect(nextChunk(c, { at: 0, offset: 0 })).toMatchObject({ from: 0, to: 60 });
  expect(nextChunk(c, { at: 0, offset: 60 })).toBeNull();
});

test("a segment is finished before the next is begun", () => {
  const c = clip(segment(0, 10_000, 40_000, 60), segment(1, 40_000, 70_000));
  expect(advance(c, { at: 0, offset: 60 }, false)).toEqual({ at: 0, offset: 60 });
  expect(advance(clip(segment(0, 10_000, 40_000)), { at: 0, offset: 100 }, false)).toEqual({ at: 1, offset: 0 });
});

test("a pull that failed half way still ends", () => {
  const c = clip(segment(0, 10_000, 40_000, 60));
  const cursor = advance(c, { at: 0, offset: 60 }, true);
  expect(exhausted(c, cursor, true)).toBe(true);
  expect(exhausted(c, cursor, false)).toBe(false);
});

test("a gap is jumped once what follows is there", () => {
  const c = clip(segment(0, 10_000, 40_000), segment(1, 55_000, 90_000));
  const base = baseOf(c);
  const end = (40_000 - base) / 1000;
  const after = (55_000 - base) / 1000;
  expect(jumpFrom(c, base, end, [[0.1, end]])).toBeNull();
  expect(
    jumpFrom(c, base, end, [
      [0.1, end],
      [after, after + 9],
    ])?.to,
  ).toBeCloseTo(after + 0.02);
});

test("footage still arriving is waited for, not jumped", () => {
  const c = clip(segment(0, 10_000, 40_000), segment(1, 40_000, 70_000, 0), segment(2, 70_000, 90_000));
  const base = baseOf(c);
  const end = (40_000 - base) / 1000;
  expect(
    jumpFrom(c, base, end, [
      [0.1, end],
      [(70_000 - base) / 1000, 90],
    ]),
  ).toBeNull();
});

test("a hole of a rounding is stepped over", () => {
  const c = clip(segment(0, 10_000, 40_000), segment(1, 40_000, 70_000));
  const base = baseOf(c);
  expect(
    jumpFrom(c, base, 30.05, [
      [0.1, 30.05],
      [30.25, 60],
    ])?.to,
  ).toBeCloseTo(30.27);
});

test("what has arrived is known to the second", () => {
  expect(arrivedUntil(clip(segment(0, 10_000, 40_000), segment(1, 40_000, 70_000, 50)))).toBe(55_000);
  expect(arrivedUntil(clip(segment(0, 10_000, 40_000), segment(1, 40_000, 70_000, 0)))).toBe(40_000);
});

test("a seek finds its file, and the next one when it lands in a gap", () => {
  const c = clip(segment(0, 10_000, 40_000), segment(1, 55_000, 90_000));
  expect(segmentAt(c, 20_000)).toBe(0);
  expect(segmentAt(c, 45_000)).toBe(1);
  expect(segmentAt(c, 99_000)).toBe(1);
});

test("what lies whole in the buffer is not fetched again", () => {
  const s = segment(0, 10_000, 40_000);
  expect(isWhole(s, 9_900, [[0.1, 30.1]])).toBe(true);
  expect(isWhole(s, 9_900, [[5, 30.1]])).toBe(false);
});

test("a frame's length is measured, lost frames notwithstanding", () => {
  expect(frameLength([0, 0.05, 0.1, 0.2, 0.25])).toBeCloseTo(0.05);
  expect(frameLength([3])).toBe(0.05);
});

test("sound is named when there is some", () => {
  expect(mimeOf({ codec: "avc1.640028", audio_codec: "mp4a.40.2" })).toBe('video/mp4; codecs="avc1.640028,mp4a.40.2"');
  expect(mimeOf({ codec: "avc1.640028", audio_codec: null })).toBe('video/mp4; codecs="avc1.640028"');
});

function fail(): never {
  throw new Error("the clip has this segment");
}
