// What a day of a camera comes to: how it looks in the calendar, what it says, and what many days come to. Pure.
import type { CoverageDay, GapCause } from "../api/types";

/**
 * How a day looks. Each has a shape of its own, so that colour is never alone: full, notched, half, empty with a thread,
 * a dash where nothing was due, dots where nobody knows, hatched where footage is damaged.
 */
export type DayLook = "whole" | "some" | "little" | "nothing" | "idle" | "unknown" | "damaged";

export interface DayAccount {
  look: DayLook;
  /** Time that was due: expected, without what the schedule left out. */
  due: number;
  recorded: number;
  missing: number;
  not_due: number;
  damaged: number;
  held: number;
  /** Share of the due time that is recorded, 0 to 1. */
  share: number;
  /** Gaps by cause, the longest first, without what was not due. */
  gaps: { cause: GapCause; count: number; ms: number }[];
  signed: boolean;
}

/** A breath between two files is no loss, and no day is spoiled by it. */
const breath_ms = 2_000;

export function dayAccount(day: CoverageDay): DayAccount {
  const not_due = day.gaps.filter((g) => g.cause === "schedule").reduce((n, g) => n + g.ms, 0);
  const gaps = day.gaps.filter((g) => g.cause !== "schedule" && g.ms > 0).sort((a, b) => b.ms - a.ms);
  const due = Math.max(0, day.expected_ms - not_due);
  const missing = gaps.reduce((n, g) => n + g.ms, 0);
  const share = due > 0 ? Math.min(1, day.recorded_ms / due) : 0;
  return {
    look: lookOf(day, due, missing, share),
    due,
    recorded: day.recorded_ms,
    missing,
    not_due,
    damaged: day.damaged_ms,
    held: day.held_ms,
    share,
    gaps,
    signed: day.state === "stated",
  };
}

function lookOf(day: CoverageDay, due: number, missing: number, share: number): DayLook {
  if (day.state === "unknown") return "unknown";
  if (day.damaged_ms > 0) return "damaged";
  if (due <= breath_ms) return "idle";
  if (day.recorded_ms <= breath_ms) return "nothing";
  if (missing <= breath_ms) return "whole";
  return share >= 0.99 ? "some" : "little";
}

export interface Sum {
  days: number;
  /** Days that were due at all. */
  due_days: number;
  unknown: number;
  missing: number;
  damaged: number;
  signed: number;
  /** Days that were due and are over: today cannot be signed yet. */
  over: number;
  /** Days whose statement says that footage under its floor was removed. */
  breached: number;
}

export function sumOf(days: readonly CoverageDay[]): Sum {
  const sum: Sum = {
    days: days.length,
    due_days: 0,
    unknown: 0,
    missing: 0,
    damaged: 0,
    signed: 0,
    over: 0,
    breached: 0,
  };
  const last = days.reduce((newest, day) => (day.day > newest ? day.day : newest), "");
  for (const day of days) {
    const a = dayAccount(day);
    if (a.look === "unknown") sum.unknown += 1;
    else if (a.look !== "idle") {
      sum.due_days += 1;
      if (day.state === "stated" || day.day < last) sum.over += 1;
    }
    sum.missing += a.missing;
    sum.damaged += a.damaged;
    if (a.signed) sum.signed += 1;
    if (day.floor_kept === false) sum.breached += 1;
  }
  return sum;
}

/** Where the days begin that anybody knows of: a new camera has no past to explain. */
export function firstKnown(days: readonly CoverageDay[]): number {
  const first = days.findIndex((d) => d.state !== "unknown" && (d.expected_ms > 0 || d.recorded_ms > 0));
  return first < 0 ? days.length : first;
}

/** The days from there on. */
export function known(days: readonly CoverageDay[]): readonly CoverageDay[] {
  return days.slice(firstKnown(days));
}
