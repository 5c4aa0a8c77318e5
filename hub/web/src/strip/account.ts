// How much of a range is kept, missing and not accounted for. Pure.
import { type Lane, openEnd, touching } from "./model";

export interface Account {
  kept: number;
  /** Gaps with a cause; what was not due is none. */
  missing: number;
  /** Outside the schedule, or between events. */
  not_due: number;
  unknown: number;
  gaps: number;
}

/** How much of a range is kept, missing with a cause, and not accounted for, in ms. Future time counts for nothing. */
export function account(lane: Lane, from: number, to: number, now: number): Account {
  const end = Math.min(to, now);
  if (end <= from) return { kept: 0, missing: 0, not_due: 0, unknown: 0, gaps: 0 };
  const open = lane.open_from_ms != null ? [{ start_ms: lane.open_from_ms, end_ms: openEnd(lane, now) }] : [];
  const holes = lane.gaps.filter((g) => g.start_ms < end && g.end_ms > from);
  const gaps = holes.filter((g) => g.cause !== "schedule");
  const kept = covered([...lane.spans, ...open], from, end);
  const missing = covered(gaps, from, end);
  const both = covered([...lane.spans, ...open, ...holes, ...(lane.deleted ?? [])], from, end);
  const before = lane.oldest_ms != null ? Math.max(0, Math.min(end, lane.oldest_ms) - from) : 0;
  const early = before > 0 ? covered([...lane.spans, ...holes, ...(lane.deleted ?? [])], from, from + before) : 0;
  const unknown = Math.max(0, end - from - both - (before - early));
  const not_due = covered(
    holes.filter((g) => g.cause === "schedule"),
    from,
    end,
  );
  return { kept, missing, not_due, unknown: unknown > touching ? unknown : 0, gaps: gaps.length };
}

/** Length of the union, joining what touches. */
function covered(list: readonly { start_ms: number; end_ms: number }[], from: number, to: number): number {
  const cut = list
    .map((s) => [Math.max(from, s.start_ms), Math.min(to, s.end_ms)] as const)
    .filter(([a, b]) => b > a)
    .sort((x, y) => x[0] - y[0]);
  let [sum, reach] = [0, from];
  for (const [a, b] of cut) {
    const start = a - reach <= touching && a > reach && sum > 0 ? reach : Math.max(a, reach);
    if (b > reach) {
      sum += b - start;
      reach = b;
    }
  }
  return sum;
}
