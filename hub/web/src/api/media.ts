// Footage bytes of a view: the list of what has arrived, and ranges of it.
import { http, problemOf, take } from "./client";
import type { Clip } from "./types";

export function clip(view: string, signal: AbortSignal): Promise<Clip> {
  return take(http.GET("/api/v1/views/{view}/clip", { params: { path: { view } }, signal }));
}

/** Bytes `from..to` (end not included) of a segment, at most what has arrived. */
export async function segmentBytes(
  view: string,
  n: number,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await fetch(`/api/v1/views/${encodeURIComponent(view)}/segments/${n}`, {
    headers: { Range: `bytes=${from}-${to - 1}` },
    credentials: "same-origin",
    signal,
  });
  if (answer.status === 206) return new Uint8Array(await answer.arrayBuffer());
  if (answer.status === 200) return new Uint8Array(await answer.arrayBuffer()).slice(from, to);
  // Asked a moment too early: what is listed may still be on its way to the disk.
  if (answer.status === 416) return new Uint8Array();
  throw problemOf(answer.status, await answer.json().catch(() => undefined));
}
