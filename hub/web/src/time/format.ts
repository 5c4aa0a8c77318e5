// Times as people read them: always with their zone, dates that cannot be misread, lengths with units.
import { offsetMs, reading, two } from "./zone";

export type Language = "en" | "zh";

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `UTC+8`, `UTC−3:30`, `UTC`. */
export function zoneLabel(ms: number, zone: string): string {
  const minutes = Math.round(offsetMs(ms, zone) / 60_000);
  if (minutes === 0) return "UTC";
  const [h, m] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes < 0 ? "−" : "+"}${h}${m ? `:${two(m)}` : ""}`;
}

/** `23 Nov 2026` or `2026年11月23日`. */
export function date(ms: number, zone: string, language: Language): string {
  const r = reading(ms, zone);
  if (language === "zh") return `${r.year}年${r.month}月${r.day}日`;
  return `${r.day} ${months[r.month - 1] ?? ""} ${r.year}`;
}

/** `23 Nov` or `11月23日`: only where the year stands beside it. */
export function shortDate(ms: number, zone: string, language: Language): string {
  const r = reading(ms, zone);
  return language === "zh" ? `${r.month}月${r.day}日` : `${r.day} ${months[r.month - 1] ?? ""}`;
}

/** `14:02`, `14:02:31` or `14:02:31.480`. Never alone: a zone or a dated time must be near. */
export function clock(ms: number, zone: string, exact: "minute" | "second" | "milli" = "second"): string {
  const r = reading(ms, zone);
  const base = `${two(r.hour)}:${two(r.minute)}`;
  if (exact === "minute") return base;
  if (exact === "second") return `${base}:${two(r.second)}`;
  return `${base}:${two(r.second)}.${String(Math.floor(r.milli)).padStart(3, "0")}`;
}

/** `23 Nov 2026 14:02:31 (UTC+8)`. */
export function stamp(
  ms: number,
  zone: string,
  language: Language,
  exact: "minute" | "second" | "milli" = "second",
): string {
  return `${date(ms, zone, language)} ${clock(ms, zone, exact)} (${zoneLabel(ms, zone)})`;
}

/** `23 Nov 2026 09:48:00 – 10:00:00 (UTC+8)`; the second date only when it differs. */
export function range(start: number, end: number, zone: string, language: Language): string {
  const [a, b] = [date(start, zone, language), date(end, zone, language)];
  const tail = a === b ? clock(end, zone) : `${b} ${clock(end, zone)}`;
  return `${a} ${clock(start, zone)} – ${tail} (${zoneLabel(end, zone)})`;
}

const units = {
  en: { d: " d", h: " h", m: " min", s: " s", ms: " ms", gap: " " },
  zh: { d: " 天", h: " 小时", m: " 分", s: " 秒", ms: " 毫秒", gap: " " },
} as const;

/** A length of time in its two greatest units: `34 d 02 h`, `9 min`, `58 s`, `480 ms`. */
export function length(ms: number, language: Language): string {
  const u = units[language];
  const t = Math.max(0, ms);
  if (t < 1000) return `${Math.round(t)}${u.ms}`;
  const s = Math.round(t / 1000);
  if (s < 60) return `${s}${u.s}`;
  const m = Math.floor(s / 60);
  if (m < 60) return s % 60 && m < 10 ? `${m}${u.m}${u.gap}${two(s % 60)}${u.s}` : `${m}${u.m}`;
  const h = Math.floor(m / 60);
  if (h < 48) return m % 60 ? `${h}${u.h}${u.gap}${two(m % 60)}${u.m}` : `${h}${u.h}`;
  const d = Math.floor(h / 24);
  return h % 24 && d < 100 ? `${d}${u.d}${u.gap}${two(h % 24)}${u.h}` : `${d}${u.d}`;
}

/** `50 h`, `50 h 30 min`: a length counted in hours and never in days. */
export function hours(ms: number, language: Language): string {
  const u = units[language];
  const rest = ms % 3_600_000;
  return `${Math.floor(ms / 3_600_000)}${u.h}${rest ? u.gap + length(rest, language) : ""}`;
}

/** How long ago, said only beside the absolute time. */
export function ago(ms: number, now: number, language: Language): string {
  const t = now - ms;
  if (t < 1500) return language === "zh" ? "刚刚" : "just now";
  return language === "zh" ? `${length(t, language)}前` : `${length(t, language)} ago`;
}
