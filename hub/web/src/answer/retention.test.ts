import { expect, test } from "vitest";
import type { RetentionView } from "../api/types";
import { en } from "../text/en";
import { zh } from "../text/zh";
import { forecast, verdictWords } from "./retention";

const view = (more: Partial<RetentionView> = {}): RetentionView => ({
  bytes_per_day: 40e9,
  capacity: 1_320e9,
  bound: 1_200e9,
  hours_possible: 33 * 24,
  floor_hours: 30 * 24,
  missing: 0,
  ...more,
});

test("a disk that is large enough says days, never a bare per cent", () => {
  const f = forecast(view({ hours_possible: 40 * 24, capacity: 1_600e9 }), "UTC", en, "en");
  expect(f).toMatchObject({ level: "good", words: "40 d at this bitrate, floor 30 d", trouble: "", room: 1 });
  expect(f.needed).toBeCloseTo(0.75);
});

test("little to spare is said before it is too little", () => {
  expect(forecast(view({ hours_possible: 31 * 24 }), "UTC", en, "en").level).toBe("late");
});

test("a disk that is too small says what is missing and when it would be felt (RET-02)", () => {
  const short = view({
    hours_possible: 20 * 24,
    capacity: 800e9,
    missing: 400e9,
    breach_at_ms: Date.UTC(2026, 11, 3, 14),
  });
  const f = forecast(short, "UTC", en, "en");
  expect(f.level).toBe("bad");
  expect(f.words).toBe("20 d at this bitrate, floor 30 d");
  expect(f.trouble).toContain("400 GB");
  expect(f.trouble).toContain("3 Dec 2026 14:00 (UTC)");
  expect(f.room).toBeCloseTo(2 / 3);
  expect(forecast(short, "UTC", zh, "zh").trouble).toContain("400 GB");
});

test("a policy says what it comes to before it is saved", () => {
  const words = (v: Parameters<typeof verdictWords>[0]) => verdictWords(v, 60, en, "en");
  expect(
    words({ fits: false, missing_bytes: 812e9, needed_bytes: 2e12, capacity_bytes: 1.2e12, hours_possible: 720 }),
  ).toBe("Cannot be kept: the disk is 812 GB short. At these bitrates it holds 30 d of all its cameras.");
  expect(words({ fits: true, missing_bytes: 0, needed_bytes: 1, capacity_bytes: 2, hours_possible: 2_400 })).toContain(
    "100 d",
  );
  expect(words({ fits: true, missing_bytes: 0, needed_bytes: 0 })).toContain("has not said");
});
