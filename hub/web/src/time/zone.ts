// Arithmetic in a site's time zone: offsets, days, and what a person typed. Nothing here makes words.

const offsets = new Map<string, Intl.DateTimeFormat>();

function parts(ms: number, zone: string): Record<string, number> {
  let format = offsets.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    offsets.set(zone, format);
  }
  const out: Record<string, number> = {};
  for (const part of format.formatToParts(ms)) if (part.type !== "literal") out[part.type] = Number(part.value);
  return out;
}

/** Whether the browser knows this IANA name. */
export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** A wall clock reading, without a zone. Months count from 1. */
export interface Reading {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  milli: number;
}

export function reading(ms: number, zone: string): Reading {
  const p = parts(ms, zone);
  return {
    year: p.year ?? 1970,
    month: p.month ?? 1,
    day: p.day ?? 1,
    hour: p.hour ?? 0,
    minute: p.minute ?? 0,
    second: p.second ?? 0,
    milli: ((ms % 1000) + 1000) % 1000,
  };
}

/** How far the zone's clock is ahead of UTC at that instant, in ms. */
export function offsetMs(ms: number, zone: string): number {
  const r = reading(ms, zone);
  return Date.UTC(r.year, r.month - 1, r.day, r.hour, r.minute, r.second, r.milli) - ms;
}

/** The instant at which the zone's clock shows this; in the hour that happens twice, the earlier one. */
export function instant(r: Reading, zone: string): number {
  const naive = Date.UTC(r.year, r.month - 1, r.day, r.hour, r.minute, r.second, r.milli);
  const before = naive - offsetMs(naive - 86_400_000, zone);
  const after = naive - offsetMs(naive + 86_400_000, zone);
  const [early, late] = before < after ? [before, after] : [after, before];
  return offsetMs(early, zone) === naive - early ? early : late;
}

/** Midnight that begins the site's day holding `ms`, moved by whole calendar days. Days may have 23 or 25 hours. */
export function dayStart(ms: number, zone: string, days = 0): number {
  const r = reading(ms, zone);
  const moved = new Date(Date.UTC(r.year, r.month - 1, r.day + days));
  return instant(
    {
      year: moved.getUTCFullYear(),
      month: moved.getUTCMonth() + 1,
      day: moved.getUTCDate(),
      hour: 0,
      minute: 0,
      second: 0,
      milli: 0,
    },
    zone,
  );
}

/** `2026-11-23`, for addresses and `<input type=date>`. */
export function dayName(ms: number, zone: string): string {
  const r = reading(ms, zone);
  return `${r.year}-${two(r.month)}-${two(r.day)}`;
}

/** `2026-11-23T14:02:31`, for `<input type=datetime-local step=1>`. */
export function fieldValue(ms: number, zone: string): string {
  const r = reading(ms, zone);
  return `${dayName(ms, zone)}T${two(r.hour)}:${two(r.minute)}:${two(r.second)}`;
}

/** The other way; null when it is not a date. */
export function fromField(text: string, zone: string): number | null {
  const m = /^\s*(\d{4})-(\d\d?)-(\d\d?)(?:[T ]+(\d\d?):(\d\d)(?::(\d\d))?)?\s*$/.exec(text);
  if (!m) return null;
  const [, year, month, day, hour, minute, second] = m.map((x) => Number(x ?? 0));
  if (!year || !month || !day) return null;
  return instant({ year, month, day, hour: hour ?? 0, minute: minute ?? 0, second: second ?? 0, milli: 0 }, zone);
}

export function two(n: number): string {
  return String(n).padStart(2, "0");
}
