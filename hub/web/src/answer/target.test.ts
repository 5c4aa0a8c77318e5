import { expect, test } from "vitest";
import type { StreamNow } from "../api/types";
import { aimOf, aimWords, measured, noTarget, targetForm, wrongWithTarget } from "./target";

test("a target comes back as it was after the form (CAP-04)", () => {
  const aim = { width: 1920, height: 1080, fps_milli: 12_500, bits_per_s: 3_100_000 };
  expect(aimOf(targetForm(aim))).toEqual(aim);
  expect(aimOf(noTarget)).toBeNull();
  expect(aimOf({ ...noTarget, fps: "20" })).toEqual({ width: null, height: null, fps_milli: 20_000, bits_per_s: null });
});

test("what is measured now becomes a target people would write", () => {
  const now = { width: 1280, height: 720, fps_milli: 19_990, bitrate_bps: 1_512_345 } as StreamNow;
  expect(measured(now)).toEqual({ width: "1280", height: "720", fps: "20", mbit: "1.5" });
  expect(measured({ ...now, fps_milli: 0 })).toBeNull();
  expect(measured(null)).toBeNull();
});

test("what cannot be is said", () => {
  expect(wrongWithTarget(noTarget)).toEqual({});
  expect(wrongWithTarget({ width: "1920.5", height: "0", fps: "many", mbit: "2000" })).toEqual({
    width: true,
    height: true,
    fps: true,
    mbit: true,
  });
});

test("a target is said with its units, and only what is aimed at", () => {
  expect(aimWords({ width: 1920, height: 1080, fps_milli: 20_000, bits_per_s: 3e6 }, (n) => `${n} fps`)).toBe(
    "1920 × 1080, 20 fps, 3.0 Mbit/s",
  );
  expect(aimWords({ bits_per_s: 256_000 }, (n) => n)).toBe("256 kbit/s");
});
