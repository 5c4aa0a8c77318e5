// Folds one change into the fleet as it is known. Pure: what does not change keeps its identity, so nothing flashes.
import type { AgentSummary, CameraSummary, Fleet, Pull, Site } from "../api/types";

function put<T extends { id: string }>(list: readonly T[], item: T): T[] {
  const at = list.findIndex((x) => x.id === item.id);
  return at < 0 ? [...list, item] : list.map((x, i) => (i === at ? item : x));
}

function inSite(fleet: Fleet, id: string, change: (site: Site) => Site): Fleet {
  if (!fleet.sites.some((site) => site.id === id)) return fleet;
  return { ...fleet, sites: fleet.sites.map((site) => (site.id === id ? change(site) : site)) };
}

export function withAgent(fleet: Fleet, agent: AgentSummary): Fleet {
  return inSite(fleet, agent.site, (site) => ({ ...site, agents: put(site.agents, agent) }));
}

export function withCamera(fleet: Fleet, camera: CameraSummary): Fleet {
  return inSite(fleet, camera.site, (site) => ({ ...site, cameras: put(site.cameras, camera) }));
}

/** A site's own words change; its lists only when the event brings them. */
export function withSite(fleet: Fleet, site: Pick<Site, "id" | "name" | "time_zone"> & Partial<Site>): Fleet {
  const known = fleet.sites.find((s) => s.id === site.id);
  const next: Site = { agents: known?.agents ?? [], cameras: known?.cameras ?? [], ...site };
  return { ...fleet, sites: put(fleet.sites, next) };
}

/** Newest first, as the hub lists them. */
export function withPull(pulls: readonly Pull[], pull: Pull): Pull[] {
  const at = pulls.findIndex((x) => x.id === pull.id);
  return at < 0 ? [pull, ...pulls] : pulls.map((x, i) => (i === at ? pull : x));
}
