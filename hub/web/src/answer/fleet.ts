// What needs a person, in order of what waiting costs. Pure: the fleet and the present in, judgements out.
import type { AgentSummary, CameraState, CameraSummary, Fleet, Site } from "../api/types";

export type Level = "good" | "late" | "bad" | "unknown" | "off";

export type Need = {
  /** Stable while the need lasts. */
  key: string;
  level: "bad" | "late" | "unknown";
  site: Site;
  agent: AgentSummary | null;
  camera: CameraSummary | null;
  since_ms: number | null;
  /** Camera-hours of uncertainty or loss per hour of waiting; orders the list. */
  cost: number;
} & (
  | { is: "camera"; state: CameraState }
  | { is: "agent_offline" | "agent_late" | "agent_stopped"; unseen: number }
  | { is: "agent_never" | "drift" | "no_camera" | "unseen" }
  | { is: "disk"; free: number }
  | { is: "fault"; count: number }
  | { is: "breach"; possible: number; floor: number; at: number }
);

/** States in which footage is being lost now. */
const losing: ReadonlySet<CameraState> = new Set(["stalled", "unreachable", "auth_failed", "unsupported"]);

/**
 * A full ring keeps 512 MiB free on purpose. Less than half of that means that nothing more may be deleted: the rest is
 * under its floor or held.
 */
const scarce = 256 * 1024 * 1024;

/** A camera may start for this long before anybody is called. */
const patience_ms = 30_000;

/** Read and well, with nothing due to be kept now: outside its schedule, between events, live only. */
export function isWatching(camera: { state: string }): boolean {
  return camera.state === "watching";
}

export function cameraLevel(camera: CameraSummary): Level {
  if (camera.recording === "off" || camera.state === "disabled") return "off";
  if (camera.state === "recording" || isWatching(camera)) return "good";
  if (camera.state === "starting") return "late";
  return losing.has(camera.state) ? "bad" : "unknown";
}

export function isRevoked(agent: AgentSummary): boolean {
  return agent.revoked_ms != null || agent.presence === "revoked";
}

export function agentLevel(agent: AgentSummary): Level {
  if (isRevoked(agent)) return "off";
  if (agent.presence === "online") return "good";
  if (agent.presence === "late") return "late";
  return agent.presence === "offline" || agent.presence === "stopped" ? "bad" : "unknown";
}

export function needsOf(fleet: Fleet, now: number): Need[] {
  const out: Need[] = [];
  for (const site of fleet.sites) {
    for (const agent of site.agents) {
      if (isRevoked(agent)) continue;
      out.push(...agentNeeds(site, agent));
    }
    for (const camera of site.cameras) {
      const need = cameraNeed(site, camera, now);
      if (need) out.push(need);
    }
  }
  return out.sort((a, b) => b.cost - a.cost || (a.since_ms ?? now) - (b.since_ms ?? now) || (a.key < b.key ? -1 : 1));
}

function agentNeeds(site: Site, agent: AgentSummary): Need[] {
  const mine = site.cameras.filter((c) => c.agent === agent.id && c.recording !== "off");
  const base = { site, agent, camera: null, since_ms: agent.last_seen_ms ?? null };
  if (agent.presence !== "online") {
    if (agent.last_seen_ms == null) {
      return [{ ...base, key: `never ${agent.id}`, level: "unknown", is: "agent_never", cost: 0.9 + mine.length }];
    }
    const gone = agent.presence === "offline" || agent.presence === "stopped";
    const is =
      agent.presence === "late" ? "agent_late" : agent.presence === "stopped" ? "agent_stopped" : "agent_offline";
    const level = gone ? "bad" : agent.presence === "late" ? "late" : "unknown";
    const weight = gone ? 0.9 : 0.4;
    return [{ ...base, key: `away ${agent.id}`, level, is, unseen: mine.length, cost: 0.5 + mine.length * weight }];
  }
  const needs: Need[] = [];
  // Pending lasts a moment after every change; only a refusal waits for a person.
  if (agent.drift === "refused") {
    needs.push({ ...base, key: `drift ${agent.id}`, level: "late", is: "drift", since_ms: null, cost: 0.3 });
  }
  if (agent.breach_at_ms != null) {
    const { breach_at_ms: at, hours_possible, floor_hours } = agent;
    const told = { is: "breach", possible: hours_possible ?? 0, floor: floor_hours ?? 0, at } as const;
    needs.push({ ...base, key: `breach ${agent.id}`, level: "late", since_ms: null, cost: 0.7, ...told });
  }
  if ((agent.faults ?? 0) > 0) {
    const count = agent.faults ?? 0;
    needs.push({ ...base, key: `fault ${agent.id}`, level: "late", is: "fault", count, since_ms: null, cost: 0.65 });
  }
  const free = agent.disk_free;
  if (free != null && free < scarce) {
    needs.push({ ...base, key: `disk ${agent.id}`, level: "late", is: "disk", free, since_ms: null, cost: 0.6 });
  }
  if (!site.cameras.some((c) => c.agent === agent.id)) {
    needs.push({ ...base, key: `empty ${agent.id}`, level: "late", is: "no_camera", since_ms: null, cost: 0.2 });
  }
  return needs;
}

function cameraNeed(site: Site, camera: CameraSummary, now: number): Need | null {
  const level = cameraLevel(camera);
  const agent = site.agents.find((a) => a.id === camera.agent) ?? null;
  const base = { site, agent, camera, since_ms: camera.since_ms ?? null, key: `camera ${camera.id}` };
  // A box that is away is one need, not one per camera.
  if (agent && agent.presence !== "online") return null;
  if (level === "bad") return { ...base, level, is: "camera", state: camera.state, cost: 1 };
  if (level === "unknown") return { ...base, level, is: "unseen", cost: 0.7 };
  if (level === "late" && camera.since_ms != null && now - camera.since_ms > patience_ms) {
    return { ...base, level, is: "camera", state: camera.state, cost: 0.8 };
  }
  return null;
}

/** How many hours a strip of these cameras spans: a day, or while none has footage older than that, one hour. */
export function stripHours(cameras: readonly Pick<CameraSummary, "oldest_ms">[], now: number): 1 | 24 {
  const kept = cameras.flatMap((c) => (c.oldest_ms == null ? [] : [c.oldest_ms]));
  return kept.length > 0 && Math.min(...kept) > now - 3_600_000 ? 1 : 24;
}

/** The worst of a site; unknown is its own state, never good. */
export function siteLevel(site: Site, needs: readonly Need[]): Level {
  const mine = needs.filter((n) => n.site.id === site.id).map((n) => n.level);
  for (const level of ["bad", "late", "unknown"] as const) if (mine.includes(level)) return level;
  if (site.cameras.length === 0) return "off";
  return site.cameras.every((c) => cameraLevel(c) === "off") ? "off" : "good";
}

export interface Sums {
  sites: number;
  agents: number;
  cameras: number;
  due: number;
  recording: number;
  /** Read and well, with nothing due to be kept now. */
  watching: number;
  gaps: number;
  gap_ms: number;
}

export function sums(fleet: Fleet): Sums {
  const cameras = fleet.sites.flatMap((s) => s.cameras);
  const gone = new Set(fleet.sites.flatMap((s) => s.agents.filter((a) => a.presence !== "online").map((a) => a.id)));
  return {
    sites: fleet.sites.length,
    agents: fleet.sites.reduce((n, s) => n + s.agents.filter((a) => !isRevoked(a)).length, 0),
    cameras: cameras.length,
    due: cameras.filter((c) => cameraLevel(c) !== "off").length,
    // Only what a connected box says now counts as recording.
    recording: cameras.filter((c) => c.state === "recording" && !gone.has(c.agent)).length,
    watching: cameras.filter((c) => isWatching(c) && !gone.has(c.agent)).length,
    gaps: cameras.reduce((n, c) => n + c.gaps_today, 0),
    gap_ms: cameras.reduce((n, c) => n + c.gap_ms_today, 0),
  };
}
