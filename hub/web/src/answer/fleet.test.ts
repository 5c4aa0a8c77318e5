import { expect, test } from "vitest";
import type { AgentSummary, CameraState, CameraSummary, Fleet } from "../api/types";
import { cameraLevel, needsOf, siteLevel, stripHours, sums } from "./fleet";

const now = 1_000_000_000;
const agent = (id: string, change: Partial<AgentSummary> = {}) =>
  ({
    id,
    site: "s",
    name: id,
    presence: "online",
    last_seen_ms: now - 5_000,
    drift: "none",
    ...change,
  }) as AgentSummary;
const camera = (id: string, of: string, change: Partial<CameraSummary> = {}) =>
  ({
    id,
    site: "s",
    agent: of,
    name: id,
    recording: "continuous",
    state: "recording",
    since_ms: now - 9 * 60_000,
    gaps_today: 0,
    gap_ms_today: 0,
    ...change,
  }) as CameraSummary;
const fleet = (agents: AgentSummary[], cameras: CameraSummary[]): Fleet => ({
  hub: { name: "h", version: "1", now_ms: now },
  sites: [{ id: "s", name: "Mall", time_zone: "UTC", agents, cameras }],
});

test("a fleet in which all is well needs nobody", () => {
  expect(needsOf(fleet([agent("a")], [camera("c", "a")]), now)).toEqual([]);
});

test("a box that is away is one need, however many cameras it has", () => {
  const f = fleet([agent("a", { presence: "offline" })], [camera("c", "a"), camera("d", "a", { state: "unknown" })]);
  expect(needsOf(f, now)).toMatchObject([{ is: "agent_offline", unseen: 2, level: "bad" }]);
  expect(sums(f).recording).toBe(0);
});

test("lost footage comes before settings that are late", () => {
  const f = fleet([agent("a", { drift: "refused" })], [camera("c", "a", { state: "auth_failed" })]);
  expect(needsOf(f, now).map((n) => n.is)).toEqual(["camera", "drift"]);
});

test("twelve unseen cameras come before one lost one", () => {
  const many = Array.from({ length: 12 }, (_, i) => camera(`c${i}`, "a"));
  const f = fleet([agent("a", { presence: "offline" }), agent("b")], [...many, camera("x", "b", { state: "stalled" })]);
  expect(needsOf(f, now).map((n) => n.is)).toEqual(["agent_offline", "camera"]);
});

test("unknown is never good", () => {
  const f = fleet([agent("a")], [camera("c", "a", { state: "unknown" })]);
  const needs = needsOf(f, now);
  expect(needs).toMatchObject([{ is: "unseen", level: "unknown" }]);
  expect(siteLevel(f.sites[0] ?? fail(), needs)).toBe("unknown");
});

test("a camera that only just starts calls nobody", () => {
  const f = fleet([agent("a")], [camera("c", "a", { state: "starting", since_ms: now - 4_000 })]);
  expect(needsOf(f, now)).toEqual([]);
});

test("a camera switched off is neither good nor bad", () => {
  expect(cameraLevel(camera("c", "a", { recording: "off", state: "disabled" }))).toBe("off");
});

test("a ring that is full on purpose calls nobody, a disk without room does", () => {
  const disk = (disk_free: number) =>
    needsOf(fleet([agent("a", { disk_free, disk_total: 2e12 })], [camera("c", "a")]), now);
  expect(disk(512 * 1024 * 1024)).toEqual([]);
  expect(disk(9_000_000)).toMatchObject([{ is: "disk", level: "late" }]);
});

test("the strips of a fleet an hour old span an hour, of any other a day", () => {
  expect(stripHours([{ oldest_ms: now - 120_000 }, { oldest_ms: null }], now)).toBe(1);
  expect(stripHours([{ oldest_ms: now - 120_000 }, { oldest_ms: now - 4_000_000 }], now)).toBe(24);
  expect(stripHours([], now)).toBe(24);
});

test("a floor that will not be kept and open faults call somebody, the floor first (RET-02)", () => {
  const box = agent("a", { faults: 2, hours_possible: 624, floor_hours: 720, breach_at_ms: now + 1_000 });
  expect(needsOf(fleet([box], [camera("c", "a")]), now)).toMatchObject([
    { is: "breach", possible: 624, floor: 720 },
    { is: "fault", count: 2 },
  ]);
});

test("a camera with nothing due is well and is not counted as recording", () => {
  const f = fleet(
    [agent("a")],
    [camera("c", "a", { recording: "schedule", state: "watching" as CameraState }), camera("d", "a")],
  );
  expect(needsOf(f, now)).toEqual([]);
  expect(sums(f)).toMatchObject({ due: 2, recording: 1, watching: 1 });
});

test("a revoked box calls nobody any more", () => {
  expect(needsOf(fleet([agent("a", { presence: "offline", revoked_ms: 1 })], []), now)).toEqual([]);
});

function fail(): never {
  throw new Error("the fleet has a site");
}
