// What pages change. Each names the reads it makes stale; nothing is shown as done before the hub says so.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { http, take } from "./client";
import { keys } from "./reads";
import type { AddCamera, AddHold, AddPull, ChangeCamera } from "./types";

export function useSignIn() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; password: string }) => take(http.POST("/api/v1/session", { body })),
    onSuccess: (session) => cache.setQueryData(keys.session, session),
  });
}

export function useSetUp() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { token: string; name: string; password: string }) => take(http.POST("/api/v1/setup", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.session }),
  });
}

export function useSignOut() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => take(http.DELETE("/api/v1/session")),
    onSettled: () => {
      cache.clear();
      cache.setQueryData(keys.session, null);
    },
  });
}

export function useNewSite() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; time_zone: string }) => take(http.POST("/api/v1/sites", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.fleet }),
  });
}

export function useNewToken() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { site_id: string; ttl_s: number }) => take(http.POST("/api/v1/tokens", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.tokens }),
  });
}

export function useRevoke(agent: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (reason: string) =>
      take(http.POST("/api/v1/agents/{id}/revoke", { params: { path: { id: agent } }, body: { reason } })),
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: keys.agent(agent) }),
        cache.invalidateQueries({ queryKey: keys.fleet }),
      ]),
  });
}

export function useNewCamera(agent: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: AddCamera) =>
      take(http.POST("/api/v1/agents/{id}/cameras", { params: { path: { id: agent } }, body })),
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: keys.agent(agent) }),
        cache.invalidateQueries({ queryKey: keys.fleet }),
      ]),
  });
}

export function useChangeCamera(camera: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: ChangeCamera) =>
      take(http.PATCH("/api/v1/cameras/{id}", { params: { path: { id: camera } }, body })),
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: keys.camera(camera) }),
        cache.invalidateQueries({ queryKey: keys.fleet }),
      ]),
  });
}

export function useHold(camera: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: AddHold) =>
      take(http.POST("/api/v1/cameras/{id}/holds", { params: { path: { id: camera } }, body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["timeline"] }),
  });
}

export function useNewPull(camera: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: AddPull) =>
      take(http.POST("/api/v1/cameras/{id}/pulls", { params: { path: { id: camera } }, body })),
    onSuccess: (pull) => {
      cache.setQueryData(keys.pull(pull.id), pull);
      return cache.invalidateQueries({ queryKey: ["pulls"] });
    },
  });
}

/** Opens a pull for viewing; the journal holds the view before a byte is given. */
export function useNewView(pull: string) {
  return useMutation({
    mutationFn: (reason: string) =>
      take(http.POST("/api/v1/pulls/{id}/views", { params: { path: { id: pull } }, body: { reason } })),
  });
}
