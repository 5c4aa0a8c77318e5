// How long the disk lasts, in words: days that fit, days that must, what is missing and what goes first. Pure.
import type { RetentionVerdict, RetentionView } from "../api/types";
import type { Text } from "../text/en";
import { type Language, length, stamp } from "../time/format";
import { bytes } from "../time/size";
import type { Level } from "./fleet";

export interface Forecast {
  level: Level;
  /** `33 d at this bitrate, floor 30 d` */
  words: string;
  /** What is missing and when it would be felt; empty when the floor is kept. */
  trouble: string;
  /** Shares of the bar: footage the floors need, room there is, and what is missing; of the greater of the two. */
  needed: number;
  room: number;
}

const day_h = 24;

/** Days as people say them: whole ones, below three also hours. */
export function daysOf(hours: number, language: Language): string {
  return hours < 3 * day_h
    ? length(hours * 3_600_000, language)
    : length(Math.floor(hours / day_h) * 86_400_000, language);
}

export function forecast(r: RetentionView, zone: string, text: Text, language: Language): Forecast {
  const t = text.keeping.forecast;
  const needed = (r.bytes_per_day * r.floor_hours) / day_h;
  const scale = Math.max(needed, r.capacity, 1);
  const short = r.missing > 0 || r.breach_at_ms != null;
  // Less than a tenth to spare is said before it is too little.
  const tight = !short && r.floor_hours > 0 && r.hours_possible < r.floor_hours * 1.1;
  const words =
    r.floor_hours > 0
      ? t.words(daysOf(r.hours_possible, language), daysOf(r.floor_hours, language))
      : t.wordsNoFloor(daysOf(r.hours_possible, language));
  const trouble = short
    ? [
        r.missing > 0 ? t.missing(bytes(r.missing)) : "",
        r.breach_at_ms == null ? "" : t.breach(stamp(r.breach_at_ms, zone, language, "minute")),
      ]
        .filter(Boolean)
        .join(" ")
    : tight
      ? t.tight
      : "";
  return {
    level: short ? "bad" : tight ? "late" : "good",
    words,
    trouble,
    needed: needed / scale,
    room: r.capacity / scale,
  };
}

/** What a policy would come to before it is saved. */
export function verdictWords(v: RetentionVerdict, floor_days: number, text: Text, language: Language): string {
  const t = text.keeping.check;
  if (!v.fits) {
    const holds = v.hours_possible == null ? null : daysOf(v.hours_possible, language);
    return holds === null ? t.short(bytes(v.missing_bytes)) : t.shortHolds(bytes(v.missing_bytes), holds);
  }
  if (v.capacity_bytes == null) return t.unknownDisk;
  if (v.hours_possible == null) return t.unknownRate;
  if (floor_days === 0) return t.fitsNoFloor(daysOf(v.hours_possible, language));
  return t.fits(daysOf(v.hours_possible, language), length(floor_days * 86_400_000, language));
}
