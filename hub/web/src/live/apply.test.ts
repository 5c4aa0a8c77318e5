import { expect, test } from "vitest";
import type { AgentSummary, CameraSummary, Fleet, Pull } from "../api/types";
import { withAgent, withCamera, withPull, withSite } from "./apply";

const agent = { id: "a1", site: "s1", name: "MH-02", presence: "online" } as AgentSummary;
const camera = { id: "c1", site: "s1", agent: "a1", name: "Gate 4", state: "recording" } as CameraSummary;
const fleet: Fleet = {
  hub: { name: "hub", version: "1", now_ms: 0 },
  sites: [
    { id: "s1", name: "Mall", time_zone: "UTC", agents: [agent], cameras: [camera] },
    { id: "s2", name: "Depot", time_zone: "UTC", agents: [], cameras: [] },
  ],
};

test("a change touches only its own site", () => {
  const next = withCamera(fleet, { ...camera, state: "auth_failed" });
  expect(next.sites[0]?.cameras[0]?.state).toBe("auth_failed");
  expect(next.sites[1]).toBe(fleet.sites[1]);
});

test("an agent heard of for the first time appears", () => {
  const next = withAgent(fleet, { ...agent, id: "a2", site: "s2" });
  expect(next.sites[1]?.agents.map((a) => a.id)).toEqual(["a2"]);
});

test("a change for a site this person does not see is left out", () => {
  expect(withAgent(fleet, { ...agent, site: "s9" })).toBe(fleet);
});

test("a renamed site keeps its agents and cameras", () => {
  const next = withSite(fleet, { id: "s1", name: "Mei Hua Mall", time_zone: "Asia/Shanghai" });
  expect(next.sites[0]).toMatchObject({ name: "Mei Hua Mall", cameras: [camera] });
});

test("a new pull stands first, a known one keeps its place", () => {
  const [a, b] = [{ id: "1" } as Pull, { id: "2" } as Pull];
  expect(withPull([a], b).map((p) => p.id)).toEqual(["2", "1"]);
  expect(withPull([b, a], { ...a, bytes_received: 9 })[1]?.bytes_received).toBe(9);
});
