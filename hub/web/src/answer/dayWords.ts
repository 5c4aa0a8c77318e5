// What a day of the calendar says, in one line and in full. Pure.
import type { CoverageDay } from "../api/types";
import type { Text } from "../text/en";
import { date, type Language, length } from "../time/format";
import { type DayAccount, dayAccount, sumOf } from "./coverage";

/** `network 58 s, power 2 ×, 14 min` */
function causes(a: DayAccount, text: Text, language: Language): string {
  return a.gaps
    .map((g) => text.keeping.coverage.cause(text.cause[g.cause], g.count, length(g.ms, language)))
    .join(", ");
}

/** `24 Nov 2026: 23 h 59 min of 24 h recorded · 58 s missing: network 58 s` */
export function dayWords(day: CoverageDay, zone: string, text: Text, language: Language): string {
  const t = text.keeping.coverage;
  const a = dayAccount(day);
  const head = date(day.start_ms, zone, language);
  if (a.look === "unknown") return `${head}: ${t.unknownDay}`;
  const told = [
    a.look === "idle" ? t.noExpected : t.ofDue(length(a.recorded, language), length(a.due, language)),
    a.missing > 0 && t.missing(length(a.missing, language), causes(a, text, language)),
    a.damaged > 0 && t.damaged(length(a.damaged, language)),
    a.look !== "idle" && a.not_due > 2_000 && t.notDue(length(a.not_due, language)),
    a.held > 0 && t.held(length(a.held, language)),
    !a.signed && t.unsigned,
  ].filter(Boolean);
  return `${head}: ${told.join(" · ")}`;
}

/** What many days come to: `floor 30 d: kept · 14 min 12 s missing in 31 days, all explained · 30 of 31 days signed`. */
export function sumWords(
  days: readonly CoverageDay[],
  floor_days: number | null,
  /** Whether they are days of several cameras. */
  several: boolean,
  text: Text,
  language: Language,
): string {
  const t = text.keeping.coverage;
  const sum = sumOf(days);
  if (sum.due_days === 0) return sum.unknown === sum.days ? t.none : t.noExpected;
  const due = several ? t.cameraDays(sum.due_days) : t.days(sum.due_days);
  const told = [
    sum.breached > 0 ? t.sumBreached(sum.breached) : floor_days !== null && sum.signed > 0 && t.sumFloor(floor_days),
    sum.missing > 2_000 ? t.sumMissing(length(sum.missing, language), due) : sum.damaged === 0 && t.sumWhole(due),
    sum.damaged > 0 && t.sumDamaged(length(sum.damaged, language)),
    sum.unknown > 0 && t.sumUnknown(sum.unknown),
    sum.over > 0 && t.sumSigned(sum.signed, several ? t.cameraDays(sum.over) : t.days(sum.over)),
  ].filter(Boolean);
  return told.join(" · ");
}
