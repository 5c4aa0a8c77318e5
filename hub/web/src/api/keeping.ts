// Reads of what was kept, and of what a policy would come to.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { http, take } from "./client";
import { keys } from "./reads";

/** The days of a camera from one to another, both counted in; days are the site's. */
export function useCoverage(camera: string, from: string, to: string) {
  return useQuery({
    queryKey: keys.coverage(camera, from, to),
    queryFn: () =>
      take(
        http.GET("/api/v1/cameras/{id}/coverage", {
          params: { path: { id: camera }, query: { from_day: from, to_day: to } },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
}

/** The same for every camera of a site, one row each. */
export function useSiteCoverage(site: string, from: string, to: string) {
  return useQuery({
    queryKey: keys.siteCoverage(site, from, to),
    queryFn: () =>
      take(
        http.GET("/api/v1/sites/{id}/coverage", {
          params: { path: { id: site }, query: { from_day: from, to_day: to } },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
}

/** Where the signed statement of a day lies, as the agent gave it. */
export function statementPath(camera: string, day: string): string {
  return `/api/v1/cameras/${camera}/coverage/${day}?stream=main`;
}

/** Where a certificate of deletion lies, as the agent signed it. */
export function certificatePath(agent: string, number: number): string {
  return `/api/v1/agents/${agent}/certificates/${number}`;
}

/** What retention removed, newest first. */
export function useCertificates(of: { agent: string } | { camera: string }, limit: number) {
  return useQuery({
    queryKey: keys.certificates(JSON.stringify(of)),
    queryFn: () => take(http.GET("/api/v1/certificates", { params: { query: { ...of, limit } } })),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
}

export function useCheckpoints(agent: string) {
  return useQuery({
    queryKey: keys.checkpoints(agent),
    queryFn: () => take(http.GET("/api/v1/agents/{id}/checkpoints", { params: { path: { id: agent } } })),
    refetchInterval: 60_000,
  });
}

/** A floor to be judged: of a camera, or of one that is not there yet. */
export interface Wish {
  agent: string;
  camera: string | null;
  floor_days: number;
  /** When nobody has measured it. */
  bits_per_s: number | null;
}

/** What a floor would come to; asks only while there is something to ask. */
export function useRetentionCheck(wish: Wish | null) {
  return useQuery({
    queryKey: keys.check(wish),
    queryFn: () => {
      const { agent, ...camera } = wish ?? { agent: "", camera: null, floor_days: 0, bits_per_s: null };
      return take(http.POST("/api/v1/cameras/retention-check", { body: { agent, cameras: [camera] } }));
    },
    enabled: wish !== null,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
}
