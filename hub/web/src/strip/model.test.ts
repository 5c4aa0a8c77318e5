import { expect, test } from "vitest";
import { account } from "./account";
import { besides, type Lane, nextEvent, nextGap, pointAt } from "./model";
import { nextActivity, raster } from "./raster";

const min = 60_000;
const span = (a: number, b: number, activity: number[] = [], clock = "ntp") => ({
  start_ms: a * min,
  end_ms: b * min,
  bytes: 1_000,
  activity,
  clock,
});
const lane: Lane = {
  spans: [span(0, 10), span(10, 20), span(30, 40, [100, 100, 5_000, 100])],
  gaps: [{ start_ms: 20 * min, end_ms: 25 * min, cause: "network", detail: "carrier down" }],
  holds: [{ id: "h", start_ms: 5 * min, end_ms: 8 * min, reason: "case" }],
  open_from_ms: 40 * min,
};
const now = 45 * min;

test("every moment has one meaning", () => {
  expect(pointAt(lane, 5 * min, now)).toMatchObject({ is: "kept", start: 0, end: 20 * min });
  expect(pointAt(lane, 22 * min, now)).toMatchObject({ is: "gap", cause: "network", detail: "carrier down" });
  expect(pointAt(lane, 27 * min, now)).toEqual({ is: "unknown", start: 25 * min, end: 30 * min });
  expect(pointAt(lane, 42 * min, now)).toMatchObject({ is: "open" });
  expect(pointAt(lane, 50 * min, now)).toEqual({ is: "future" });
});

test("what nobody accounted for is neither kept nor gap", () => {
  expect(account(lane, 0, 60 * min, now)).toMatchObject({
    kept: 35 * min,
    missing: 5 * min,
    unknown: 5 * min,
    gaps: 1,
  });
});

test("kept, missing and unknown together are the time that has passed", () => {
  const a = account(lane, 3 * min, 44 * min, now);
  expect(a.kept + a.missing + a.unknown).toBe(41 * min);
});

test("a gap of one second is two pixels wide in a day", () => {
  const day: Lane = { ...lane, gaps: [{ start_ms: 7 * min, end_ms: 7 * min + 1000, cause: "camera" }] };
  const r = raster([day], 0, 1440 * min, 900, now);
  expect(Array.from(r.gap).filter((x) => x > 0)).toHaveLength(2);
});

test("a gap at the very end is not cut away", () => {
  const day: Lane = { spans: [], holds: [], gaps: [{ start_ms: 99_900, end_ms: 100_000, cause: "disk" }] };
  expect(Array.from(raster([day], 0, 100_000, 50, 100_000).gap).slice(-2)).toEqual([1, 1]);
});

test("one camera's gap among twelve does not wipe out the others", () => {
  const whole: Lane = { spans: [span(0, 60)], gaps: [], holds: [] };
  const r = raster([whole, lane], 0, 60 * min, 60, 60 * min);
  expect(r.kept[22]).toBe(1);
  expect(r.gap[22]).toBe(1);
});

test("what is older than the oldest footage is not expected, and so not unaccounted for", () => {
  const young: Lane = { ...lane, spans: [span(30, 40)], gaps: [], oldest_ms: 30 * min };
  expect(pointAt(young, 5 * min, now)).toEqual({ is: "before", oldest: 30 * min });
  expect(account(young, 0, 60 * min, now)).toMatchObject({ kept: 15 * min, unknown: 0 });
  expect(raster([young], 0, 60 * min, 60, now).future[5]).toBe(1);
});

test("time still to come is marked", () => {
  const r = raster([lane], 0, 60 * min, 60, now);
  expect(r.future[44]).toBe(0);
  expect(r.future[46]).toBe(1);
});

test("what was not due is neither a gap nor unaccounted for, and G passes it by", () => {
  const due: Lane = { ...lane, gaps: [{ start_ms: 20 * min, end_ms: 30 * min, cause: "schedule" }] };
  expect(account(due, 0, 45 * min, now)).toMatchObject({ missing: 0, not_due: 10 * min, unknown: 0, gaps: 0 });
  expect(nextGap([due], 0)).toBeNull();
  const r = raster([due], 0, 60 * min, 60, now);
  expect([r.gap[25], r.future[25]]).toEqual([0, 1]);
});

test("damaged footage is said before what is kept, and E finds the next event", () => {
  const marked: Lane = {
    ...lane,
    damage: [{ start_ms: 3 * min, end_ms: 4 * min }],
    events: [{ start_ms: 7 * min, end_ms: 8 * min, trigger: "activity" }],
    clock_marks: [{ at_ms: 12 * min, by_ms: -40_000 }],
  };
  expect(pointAt(marked, 3.5 * min, now)).toEqual({ is: "damaged", start: 3 * min, end: 4 * min });
  expect(nextEvent([marked], 0)).toBe(7 * min);
  expect(nextEvent([marked], 7 * min)).toBeNull();
  expect(besides(marked, 12 * min + 500, 1_000).marks).toHaveLength(1);
  const r = raster([marked], 0, 60 * min, 600, now);
  expect([r.damaged[35], r.event[70], r.event[75], r.mark[120]]).toEqual([1, 2, 1, 1]);
});

test("an unsure clock tints its span only", () => {
  const r = raster([{ ...lane, spans: [span(0, 10), span(10, 20, [], "unsynced")] }], 0, 20 * min, 20, now);
  expect(r.unsure[5]).toBe(0);
  expect(r.unsure[15]).toBe(2);
});

test("G finds the next gap and A the next activity", () => {
  expect(nextGap([lane], 0)).toBe(20 * min);
  expect(nextGap([lane], 21 * min)).toBeNull();
  const r = raster([lane], 0, 40 * min, 480, now);
  const busy = nextActivity(r, 0, 40 * min, 0);
  expect(busy).toBeGreaterThanOrEqual(34 * min);
  expect(busy).toBeLessThan(38 * min);
});
