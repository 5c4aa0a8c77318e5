import { expect, test } from "vitest";
import type { CoverageDay } from "../api/types";
import { en } from "../text/en";
import { zh } from "../text/zh";
import { dayWords, sumWords } from "./dayWords";

const hour = 3_600_000;
const start = Date.UTC(2026, 10, 23, 16);
const day = (more: Partial<CoverageDay> = {}): CoverageDay => ({
  day: "2026-11-24",
  start_ms: start,
  end_ms: start + 24 * hour,
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

test("a day is told with what is missing, why, and whether it is signed", () => {
  const told = day({
    recorded_ms: 22 * hour,
    gaps: [
      { cause: "network", count: 1, ms: 58_000 },
      { cause: "power", count: 2, ms: hour },
      { cause: "schedule", count: 1, ms: hour - 58_000 },
    ],
    held_ms: 600_000,
    state: "running",
  });
  expect(dayWords(told, "Asia/Shanghai", en, "en")).toBe(
    "24 Nov 2026: 22 h of 23 h recorded · 1 h missing: power 2 ×, 1 h, network 58 s · 59 min not due · 10 min held · not signed yet",
  );
  expect(dayWords(day(), "Asia/Shanghai", zh, "zh")).toBe("2026年11月24日: 应录 24 小时，已录 24 小时");
});

test("a day nobody knows of says so and nothing else", () => {
  const unknown = day({ state: "unknown", expected_ms: 0, recorded_ms: 0, floor_kept: null });
  expect(dayWords(unknown, "Asia/Shanghai", en, "en")).toBe("24 Nov 2026: nothing is known of this day");
});

test("a month comes to one line, and a broken floor leads it (RET-01)", () => {
  const list = [day({ day: "2026-11-22" }), day({ day: "2026-11-23" }), day({ state: "running" })];
  expect(sumWords(list, 30, false, en, "en")).toBe(
    "floor 30 d: kept · every second kept in 3 days · 2 of 2 days signed by the box",
  );
  const broken = [day({ day: "2026-11-23", floor_kept: false, gaps: [{ cause: "disk", count: 1, ms: 5_000 }] }), day()];
  expect(sumWords(broken, 30, true, en, "en")).toMatch(/^floor not kept on 1 day · 5 s missing in 2 camera days/);
});
