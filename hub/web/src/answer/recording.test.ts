import { expect, test } from "vitest";
import type { RecordingTerms } from "../api/types";
import {
  minuteOf,
  recordingForm,
  recordingTerms,
  stretches,
  usualRecording,
  weekOf,
  windowOf,
  wrongWithRecording,
} from "./recording";

const hours = (list: [number, number][]) => list.map(([a, b]) => [a / 60, b / 60]);

test("what is set comes back as it was after the form (CAP-02)", () => {
  const all: RecordingTerms[] = [
    { mode: "continuous" },
    { mode: "off" },
    {
      mode: "schedule",
      windows: [
        { days: [1, 2], start_minute: 480, end_minute: 1080 },
        { days: [7], start_minute: 0, end_minute: 1440 },
      ],
    },
    { mode: "event", pre_s: 5, post_s: 120, triggers: ["activity"] },
    { mode: "live_only", reason: "staff room" },
  ];
  for (const terms of all) expect(recordingTerms(recordingForm(terms))).toEqual(terms);
});

test("midnight as an end is the end of the day, an earlier end is in the next one", () => {
  expect(windowOf({ days: [1], from: "00:00", to: "00:00" })).toEqual({ days: [1], start_minute: 0, end_minute: 1440 });
  const night = windowOf({ days: [5], from: "22:00", to: "06:00" });
  expect(night).toEqual({ days: [5], start_minute: 1320, end_minute: 360 });
  const minutes = weekOf(night ? [night] : []);
  expect(hours(stretches(minutes, 5))).toEqual([[22, 24]]);
  expect(hours(stretches(minutes, 6))).toEqual([[0, 6]]);
});

test("Sunday night reaches into Monday, and overlapping windows count once", () => {
  const minutes = weekOf([
    { days: [7], start_minute: 1380, end_minute: 60 },
    { days: [7], start_minute: 1380, end_minute: 1440 },
  ]);
  expect(hours(stretches(minutes, 1))).toEqual([[0, 1]]);
  expect(minutes.reduce((n, m) => n + m, 0)).toBe(120);
});

test("each mode says what is wrong with it", () => {
  const form = (more: Partial<typeof usualRecording>) => wrongWithRecording({ ...usualRecording, ...more });
  expect(form({})).toBeNull();
  expect(form({ mode: "schedule", windows: [] })).toMatchObject({ none: true });
  expect(form({ mode: "schedule", windows: [{ key: 4, days: [], from: "08:00", to: "09:00" }] })?.windows).toEqual({
    4: "days",
  });
  expect(form({ mode: "schedule", windows: [{ key: 4, days: [1], from: "", to: "09:00" }] })?.windows).toEqual({
    4: "time",
  });
  expect(form({ mode: "event", pre: "61" })).toMatchObject({ pre: true });
  expect(form({ mode: "event", post: "1 h" })).toMatchObject({ post: true });
  expect(form({ mode: "live_only", reason: " " })).toMatchObject({ reason: true });
  expect(form({ mode: "off", pre: "x" })).toBeNull();
});

test("a time is a time", () => {
  expect([minuteOf("8:05"), minuteOf("08:05:00"), minuteOf("24:00"), minuteOf("8")]).toEqual([485, 485, null, null]);
});
