import { expect, test } from "vitest";
import { changedRule, deletes, newRule, usualRule, wrongWithRule } from "./rule";

const day = 86_400_000;

test("floor, ceiling, event days and quota agree with each other (RET-04)", () => {
  expect(wrongWithRule(usualRule)).toEqual({});
  expect(wrongWithRule({ ...usualRule, ceiling: "20" })).toEqual({ ceiling: true });
  expect(wrongWithRule({ ...usualRule, event_days: "20" })).toEqual({ event_days: true });
  expect(wrongWithRule({ ...usualRule, ceiling: "60", event_days: "61" })).toEqual({ event_days: true });
  expect(wrongWithRule({ ...usualRule, ceiling: "60", event_days: "60", quota: "512.5" })).toEqual({});
  expect(wrongWithRule({ ...usualRule, quota: "much" })).toEqual({ quota: true });
});

test("what is empty is left out of a new camera and taken away from a known one", () => {
  expect(newRule(usualRule)).toMatchObject({ ceiling_days: null, event_days: null, quota_bytes: null });
  expect(changedRule(usualRule)).toMatchObject({ ceiling_days: 0, event_days: 0, quota_bytes: 0 });
  expect(newRule({ ...usualRule, quota: "0.5" }).quota_bytes).toBe(500_000_000);
});

test("a ceiling says how much of what lies there now it would delete", () => {
  const now = 100 * day;
  expect(deletes({ ...usualRule, ceiling: "40" }, 40 * day, now)).toBe(20 * day);
  expect(deletes({ ...usualRule, ceiling: "70" }, 40 * day, now)).toBe(0);
  expect(deletes({ ...usualRule, ceiling: "10" }, 40 * day, now)).toBe(0); // Under the floor: refused anyway.
  expect(deletes(usualRule, 40 * day, now)).toBe(0);
  expect(deletes({ ...usualRule, ceiling: "40" }, null, now)).toBe(0);
});
