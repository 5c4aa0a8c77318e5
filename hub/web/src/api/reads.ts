// What pages read. Each is one query under one key; `src/live` keeps them fresh, a slow poll covers its loss.
import { keepPreviousData, queryOptions, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { http, Problem, take } from "./client";
import type { StreamName } from "./types";

export const keys = {
  session: ["session"] as const,
  fleet: ["fleet"] as const,
  agent: (id: string) => ["agent", id] as const,
  health: (id: string, from: number, to: number) => ["health", id, from, to] as const,
  camera: (id: string) => ["camera", id] as const,
  timeline: (id: string, from: number, to: number, stream: StreamName) => ["timeline", id, from, to, stream] as const,
  coverage: (id: string, from: string, to: string) => ["coverage", id, from, to] as const,
  siteCoverage: (id: string, from: string, to: string) => ["coverage", "site", id, from, to] as const,
  certificates: (of: string) => ["certificates", of] as const,
  checkpoints: (id: string) => ["checkpoints", id] as const,
  check: (body: unknown) => ["retention-check", body] as const,
  strip: (site: string, from: number, to: number) => ["timeline", "site", site, from, to] as const,
  pulls: (camera: string | null) => ["pulls", camera] as const,
  pull: (id: string) => ["pull", id] as const,
  clip: (view: string) => ["clip", view] as const,
  tokens: ["tokens"] as const,
  journal: ["journal"] as const,
};

/** Who is signed in; null when nobody is. */
export function useSession() {
  return useQuery({
    queryKey: keys.session,
    queryFn: async () => {
      try {
        return await take(http.GET("/api/v1/session"));
      } catch (problem) {
        if (problem instanceof Problem && problem.status === 401) return null;
        throw problem;
      }
    },
    staleTime: 60_000,
  });
}

export function useFleet() {
  return useQuery({
    queryKey: keys.fleet,
    queryFn: () => take(http.GET("/api/v1/fleet")),
    refetchInterval: 60_000,
  });
}

export function useAgent(id: string) {
  return useQuery({
    queryKey: keys.agent(id),
    queryFn: () => take(http.GET("/api/v1/agents/{id}", { params: { path: { id } } })),
    refetchInterval: 30_000,
  });
}

/** Health between two instants; the bounds are part of the key, so round them. */
export function useHealth(id: string, from: number, to: number) {
  return useQuery({
    queryKey: keys.health(id, from, to),
    queryFn: () =>
      take(http.GET("/api/v1/agents/{id}/health", { params: { path: { id }, query: { from_ms: from, to_ms: to } } })),
    placeholderData: keepPreviousData,
  });
}

export function useCamera(id: string) {
  return useQuery({
    queryKey: keys.camera(id),
    queryFn: () => take(http.GET("/api/v1/cameras/{id}", { params: { path: { id } } })),
    refetchInterval: 30_000,
  });
}

function timelineQuery(id: string, from: number, to: number, stream: StreamName, moving: boolean) {
  return queryOptions({
    queryKey: keys.timeline(id, from, to, stream),
    queryFn: () =>
      take(
        http.GET("/api/v1/cameras/{id}/timeline", {
          params: { path: { id }, query: { from_ms: from, to_ms: to, stream } },
        }),
      ),
    placeholderData: keepPreviousData,
    staleTime: moving ? 10_000 : 600_000,
    refetchInterval: moving ? 20_000 : false,
  });
}

/** What is kept, missing and held in a range. `moving` while the range reaches now. */
export function useTimeline(
  id: string,
  from: number,
  to: number,
  moving: boolean,
  stream: StreamName = "main",
  enabled = true,
) {
  return useQuery({ ...timelineQuery(id, from, to, stream, moving), enabled });
}

/** The strips of a site's cameras at once, in few words; the bounds are part of the key, so round them. */
export function useSiteStrip(site: string, from: number, to: number) {
  return useQuery({
    queryKey: keys.strip(site, from, to),
    queryFn: () =>
      take(
        http.GET("/api/v1/sites/{id}/strip", { params: { path: { id: site }, query: { from_ms: from, to_ms: to } } }),
      ),
    placeholderData: keepPreviousData,
    staleTime: 10_000,
    refetchInterval: 60_000,
  });
}

export function usePulls(camera: string | null = null) {
  return useQuery({
    queryKey: keys.pulls(camera),
    queryFn: () =>
      take(http.GET("/api/v1/pulls", { params: { query: camera ? { camera, limit: 20 } : { limit: 200 } } })),
    refetchInterval: 30_000,
  });
}

export function usePull(id: string) {
  return useQuery({
    queryKey: keys.pull(id),
    queryFn: () => take(http.GET("/api/v1/pulls/{id}", { params: { path: { id } } })),
    refetchInterval: (query) => (isOpen(query.state.data?.state) ? 3_000 : false),
  });
}

/** Whether footage of a pull may still arrive. */
export function isOpen(state: string | undefined): boolean {
  return state === undefined || ["requested", "approved", "pulling", "received"].includes(state);
}

/** Whether a pull came to nothing, or to less than was asked. */
export function isDead(state: string): boolean {
  return state === "refused" || state === "failed" || state === "expired";
}

export function useTokens() {
  return useQuery({ queryKey: keys.tokens, queryFn: () => take(http.GET("/api/v1/tokens")), refetchInterval: 10_000 });
}

/** The journal, newest first, a page at a time. */
export function useJournal() {
  return useInfiniteQuery({
    queryKey: keys.journal,
    queryFn: ({ pageParam }) =>
      take(
        http.GET("/api/v1/journal", { params: { query: { limit: 100, ...(pageParam ? { before: pageParam } : {}) } } }),
      ),
    initialPageParam: 0,
    getNextPageParam: (page) => {
      const last = page.entries.at(-1);
      return last && last.index > 0 ? last.index : undefined;
    },
    refetchInterval: 30_000,
  });
}
