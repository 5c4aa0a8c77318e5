// The hub's event stream, folded into the query cache. One stream per page; the browser reconnects by itself and says
// with `Last-Event-ID` where it was, and a `fleet` snapshot follows when that is too old.
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { keys } from "../api/reads";
import type { AgentSummary, CameraSummary, Fleet, Pull, Site } from "../api/types";
import { withAgent, withCamera, withPull, withSite } from "./apply";

export type LiveState = { is: "connecting" } | { is: "live" } | { is: "lost"; since_ms: number };

let state: LiveState = { is: "connecting" };
const watchers = new Set<() => void>();

function say(next: LiveState) {
  if (next.is === state.is) return;
  state = next;
  for (const watcher of watchers) watcher();
}

/** Whether changes arrive by themselves now. */
export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => state,
  );
}

/** Listens as long as somebody is signed in. */
export function useLive(signedIn: boolean) {
  const cache = useQueryClient();
  useEffect(() => {
    if (!signedIn) return;
    return listen(cache);
  }, [cache, signedIn]);
}

function listen(cache: QueryClient): () => void {
  let source: EventSource | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;
  const on = <T>(name: string, apply: (value: T) => void) =>
    source?.addEventListener(name, (event) => {
      const value = read<T>((event as MessageEvent<string>).data);
      if (value) apply(value);
    });
  const fleet = (change: (fleet: Fleet) => Fleet) =>
    cache.setQueryData<Fleet>(keys.fleet, (known) => (known ? change(known) : known));

  const open = () => {
    source = new EventSource("/api/v1/events");
    source.onopen = () => say({ is: "live" });
    source.onerror = () => {
      say({ is: "lost", since_ms: Date.now() });
      // A stream refused for good (a lapsed session, a restarting hub) is closed by the browser: ask again ourselves.
      if (source?.readyState === EventSource.CLOSED) {
        void cache.invalidateQueries({ queryKey: keys.session });
        clearTimeout(retry);
        retry = setTimeout(open, 3_000);
      }
    };
    on<Fleet>("fleet", (value) => cache.setQueryData(keys.fleet, value));
    on<Site>("site", (value) => fleet((known) => withSite(known, value)));
    on<AgentSummary>("agent", (value) => {
      fleet((known) => withAgent(known, value));
      void cache.invalidateQueries({ queryKey: keys.agent(value.id) });
      void cache.invalidateQueries({ queryKey: keys.tokens });
    });
    on<CameraSummary>("camera", (value) => {
      fleet((known) => withCamera(known, value));
      void cache.invalidateQueries({ queryKey: keys.camera(value.id) });
    });
    on<Pull>("pull", (value) => {
      cache.setQueryData(keys.pull(value.id), value);
      for (const key of [keys.pulls(null), keys.pulls(value.camera)]) {
        cache.setQueryData<{ pulls: Pull[] }>(key, (known) =>
          known ? { ...known, pulls: withPull(known.pulls, value) } : known,
        );
      }
    });
  };
  open();
  return () => {
    clearTimeout(retry);
    source?.close();
    state = { is: "connecting" };
  };
}

function read<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}
