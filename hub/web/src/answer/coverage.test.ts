import { expect, test } from "vitest";
import type { CoverageDay } from "../api/types";
import { dayAccount, known, sumOf } from "./coverage";

const hour = 3_600_000;
const day = (more: Partial<CoverageDay> = {}): CoverageDay => ({
  day: "2026-11-24",
  start_ms: 0,
  end_ms: 24 * hour,
  expected_ms: 24 * hour,
  recorded_ms: 24 * hour,
  held_ms: 0,
  damaged_ms: 0,
  gaps: [],
  state: "stated",
  statement_number: 7,
  floor_kept: true,
  ...more,
});

test("a day looks as whole as it is (RET-05)", () => {
  expect(dayAccount(day()).look).toBe("whole");
  const short = day({ recorded_ms: 24 * hour - 58_000, gaps: [{ cause: "network", count: 1, ms: 58_000 }] });
  expect(dayAccount(short)).toMatchObject({ look: "some", missing: 58_000, signed: true });
  const half = day({ recorded_ms: 12 * hour, gaps: [{ cause: "power", count: 1, ms: 12 * hour }] });
  expect(dayAccount(half)).toMatchObject({ look: "little", share: 0.5 });
  const none = day({ recorded_ms: 0, gaps: [{ cause: "camera", count: 1, ms: 24 * hour }] });
  expect(dayAccount(none).look).toBe("nothing");
});

test("nobody knowing is its own look, never whole", () => {
  expect(dayAccount(day({ state: "unknown", expected_ms: 0, recorded_ms: 0 })).look).toBe("unknown");
});

test("what the schedule leaves out is not missing", () => {
  const nights = day({ recorded_ms: 10 * hour, gaps: [{ cause: "schedule", count: 2, ms: 14 * hour }] });
  expect(dayAccount(nights)).toMatchObject({ look: "whole", due: 10 * hour, missing: 0, not_due: 14 * hour, gaps: [] });
  const idle = day({ recorded_ms: 0, gaps: [{ cause: "schedule", count: 1, ms: 24 * hour }] });
  expect(dayAccount(idle).look).toBe("idle");
});

test("damage is seen before anything else: it never counts as recorded (RET-07)", () => {
  const hurt = day({ recorded_ms: 23 * hour, damaged_ms: hour });
  expect(dayAccount(hurt).look).toBe("damaged");
  expect(sumOf([hurt, day()])).toMatchObject({ damaged: hour, days: 2, signed: 2 });
});

test("many days come to what is missing, signed and breached in them", () => {
  const sum = sumOf([
    day({ state: "unknown", expected_ms: 0, recorded_ms: 0, floor_kept: null }),
    day({ gaps: [{ cause: "agent", count: 1, ms: 5_000 }], floor_kept: false }),
    day({ day: "2026-11-25", state: "running", floor_kept: null }),
  ]);
  expect(sum).toEqual({
    days: 3,
    due_days: 2,
    unknown: 1,
    missing: 5_000,
    damaged: 0,
    signed: 1,
    over: 1,
    breached: 1,
  });
});

test("a new camera has no past to explain", () => {
  const before = day({ state: "unknown", expected_ms: 0, recorded_ms: 0 });
  expect(known([before, before, day(), before, day()])).toHaveLength(3);
  expect(known([before])).toEqual([]);
});
