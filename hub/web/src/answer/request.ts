// What is asked for, checked before it is sent. Pure.
import type { AddPull } from "../api/types";
import { account } from "../strip/account";
import type { Lane } from "../strip/model";
import type { Text } from "../text/en";
import { type Language, length } from "../time/format";

export type Picture = "original" | "sub" | "preview";

/** What the hub takes at once. */
export const longest_ms = 86_400_000;

/** Which picture this browser should ask for: evidence first, and of what it can play. */
export function choosePicture(
  camera: { codec: string | null | undefined; has_sub: boolean },
  canPlay: (codec: string | null | undefined) => boolean,
): Picture {
  if (canPlay(camera.codec)) return "original";
  return camera.has_sub ? "sub" : "preview";
}

export function pictureOf(picture: Picture): Pick<AddPull, "stream" | "rendition"> {
  if (picture === "sub") return { stream: "sub", rendition: "original" };
  return { stream: "main", rendition: picture };
}

export interface Wrong {
  range?: string;
  reason?: string;
}

export function wrongWith(start: number | null, end: number | null, reason: string, now: number, text: Text): Wrong {
  const t = text.request;
  const wrong: Wrong = {};
  if (start === null || end === null || end <= start) wrong.range = t.badRange;
  else if (end - start > longest_ms) wrong.range = t.tooLong;
  else if (end > now + 1_000) wrong.range = t.future;
  if (!reason.trim()) wrong.reason = t.reasonNeeded;
  return wrong;
}

/** What the strip says of a range, in words. */
export function rangeAccount(
  lane: Lane,
  start: number,
  end: number,
  now: number,
  text: Text,
  language: Language,
): string {
  const t = text.request;
  const a = account(lane, start, end, now);
  if (a.kept < 500) return t.nothing;
  if (a.gaps > 0) return t.gapsInside(a.gaps, length(a.missing, language));
  if (a.unknown > 0) return text.camera.unaccounted(length(a.unknown, language));
  return t.allKept(length(end - start, language));
}
