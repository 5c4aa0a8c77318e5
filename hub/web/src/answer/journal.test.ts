import { expect, test } from "vitest";
import type { Fleet, JournalEntry } from "../api/types";
import { en } from "../text/en";
import { zh } from "../text/zh";
import { deed, details } from "./journal";

const camera = "0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
const fleet = {
  hub: { name: "hub", version: "1", now_ms: 0 },
  sites: [{ id: "s1", name: "Mall", time_zone: "UTC", agents: [], cameras: [{ id: camera, name: "Gate 4" }] }],
} as unknown as Fleet;
const entry = (action: string, detail: Record<string, unknown>) =>
  ({ index: 1, at_ms: 0, actor: "agent", action, object: "x", outcome: "done", detail }) as unknown as JournalEntry;
const people = new Map([["0192ffff-0000-7000-8000-000000000001", "Lin Wei"]]);
const at = Date.UTC(2026, 10, 24, 12);

test("an access is told as a deed, a camera by its name, two times as one range", () => {
  const access = entry("agent.access", {
    fact: {
      kind: "access",
      order: "0192cccc-0000-7000-8000-000000000001",
      person: "0192ffff-0000-7000-8000-000000000001",
      camera,
      stream: "main",
      start_ms: at,
      end_ms: at + 30_000,
      outcome: { is: "completed", bytes: 3_100_000 },
    },
  });
  expect(deed(access, en)).toBe("access in the box's ledger");
  expect(details(access, fleet, people, en, "en")).toEqual([
    ["time", "24 Nov 2026 12:00:00 – 12:00:30 (UTC)"],
    ["person", "Lin Wei"],
    ["camera", "Gate 4"],
    ["outcome", "all sent"],
    ["size", "3.10 MB"],
  ]);
});

test("a detail cut short by the hub still shows what is whole", () => {
  const cut = entry("agent.access", { fact: `{"camera":"${camera}","reason":"theft","start_ms":17640` });
  expect(details(cut, fleet, people, zh, "zh")).toContainEqual(["摄像机", "Gate 4"]);
});

test("a deed and a detail nobody translated keep their own names", () => {
  const other = entry("moon.land", { crater: "Tycho" });
  expect(deed(other, zh)).toBe("moon.land");
  expect(details(other, fleet, people, zh, "zh")).toEqual([["crater", "Tycho"]]);
});

test("terms of recording are told in one line, a fault by its name (CAP-02)", () => {
  const change = entry("camera.change", {
    name: "Gate 4",
    recording: "schedule",
    terms: JSON.stringify({
      schedule: { time_zone: "UTC", windows: [{ days: [1], start_minute: 0, end_minute: 1440 }] },
    }),
  });
  expect(details(change, fleet, people, en, "en")).toEqual([
    ["name", "Gate 4"],
    ["recording", "by schedule, 24 h a week"],
  ]);
  const fault = entry("agent.fault", {
    fact: JSON.stringify({ kind: "fault", fault: "disk_wear", open: true, detail: "91 %" }),
  });
  expect(details(fault, fleet, people, en, "en")).toEqual([
    ["fault", "disk wears out"],
    ["open", "yes"],
    ["detail", "91 %"],
  ]);
});

test("a step of the clock says which way and how far (CAP-05)", () => {
  const step = entry("agent.clock", {
    fact: { kind: "clock", at_ms: at, boot_id: "b", boot_ns: 5, change: { is: "stepped", by_ms: -41_000 } },
  });
  expect(details(step, fleet, people, en, "en")).toEqual([
    ["at", "24 Nov 2026 12:00:00 (UTC)"],
    ["change", "stepped"],
    ["by", "−41 s"],
  ]);
});
