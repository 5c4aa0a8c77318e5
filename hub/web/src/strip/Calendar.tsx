// A month as strips: one day, one small strip, the same strokes as everywhere.
import { useMemo } from "react";
import { useLanguage } from "../text";
import { date, length, shortDate } from "../time/format";
import { dayStart, reading } from "../time/zone";
import { account } from "./account";
import type { Lane } from "./model";
import { Strip } from "./Strip";

interface Props {
  lane: Lane;
  /** Midnights, oldest first; the last one begins the newest day. */
  days: readonly number[];
  now: number;
  zone: string;
  chosen: number;
  onDay: (start: number) => void;
}

export function Calendar({ lane, days, now, zone, chosen, onDay }: Props) {
  const { text, language } = useLanguage();
  const cells = useMemo(
    () =>
      days.map((start) => {
        const end = dayStart(start, zone, 1);
        const cut: Lane = {
          spans: lane.spans.filter((s) => s.start_ms < end && s.end_ms > start),
          gaps: lane.gaps.filter((g) => g.start_ms < end && g.end_ms > start),
          holds: lane.holds.filter((h) => h.start_ms < end && h.end_ms > start),
          oldest_ms: lane.oldest_ms,
          open_from_ms: lane.open_from_ms != null && lane.open_from_ms < end && now > start ? lane.open_from_ms : null,
        };
        return { start, end, cut };
      }),
    [lane, days, zone, now],
  );
  return (
    <div className="calendar">
      {cells.map(({ start, end, cut }, i) => {
        const a = account(cut, start, end, now);
        const words =
          a.kept + a.missing < 1_000
            ? `${date(start, zone, language)}: ${text.camera.calendarEmpty}`
            : text.camera.calendarDay(
                date(start, zone, language),
                length(a.kept, language),
                length(a.missing, language),
              );
        return (
          <button
            key={start}
            type="button"
            className={`calendar-day${start === chosen ? " on" : ""}`}
            aria-label={words}
            aria-pressed={start === chosen}
            title={words}
            onClick={() => onDay(start)}
          >
            <span className="calendar-strip" aria-hidden="true">
              <Strip
                lanes={[cut]}
                from={start}
                to={end}
                now={now}
                zone={zone}
                label={words}
                height={18}
                quiet
                solid
                still
              />
            </span>
            <span className="calendar-name wide-name">{shortDate(start, zone, language)}</span>
            <span className="calendar-name narrow-name" aria-hidden="true">
              {i === 0 || reading(start, zone).day === 1 ? shortDate(start, zone, language) : reading(start, zone).day}
            </span>
          </button>
        );
      })}
    </div>
  );
}

/** The midnights of the last `count` days of the site. */
export function lastDays(now: number, zone: string, count: number): number[] {
  return Array.from({ length: count }, (_, i) => dayStart(now, zone, i - count + 1));
}
