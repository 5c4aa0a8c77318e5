// The calendar of coverage for some cameras of a site, fetched once for all of them.
import { useMemo } from "react";
import { useLocation } from "wouter";
import { known } from "../answer/coverage";
import { sumWords } from "../answer/dayWords";
import { useSiteCoverage } from "../api/keeping";
import type { CameraSummary, CoverageDay } from "../api/types";
import { CoverageCalendar } from "../parts/CoverageCalendar";
import { Failure } from "../parts/Trouble";
import { useLanguage } from "../text";
import { dayName, dayStart } from "../time/zone";

interface Props {
  site: string;
  /** The site's own zone. */
  zone: string;
  now: number;
  /** Rows, in this order. */
  cameras: readonly Pick<CameraSummary, "id" | "name" | "floor_days">[];
  chosen?: { id: string; day: string } | null;
  /** Without it a day leads to its camera's page. */
  onDay?: (id: string, day: CoverageDay) => void;
}

const days = 31;

/** The site's days from a month ago until today, as the hub names them. */
export function month(now: number, zone: string): { from: string; to: string } {
  return { from: dayName(dayStart(now, zone, 1 - days), zone), to: dayName(now, zone) };
}

export function KeptDays({ site, zone, now, cameras, chosen, onDay }: Props) {
  const { text, language } = useLanguage();
  const [, go] = useLocation();
  const { from, to } = month(now, zone);
  const asked = useSiteCoverage(site, from, to);
  const rows = useMemo(
    () =>
      cameras.flatMap(({ id, name }) => {
        const row = asked.data?.cameras.find((c) => c.camera === id);
        return row ? [{ id, name, days: row.days }] : [];
      }),
    [asked.data, cameras],
  );
  if (asked.isPending) return <div className="bone" style={{ height: 44 + 23 * cameras.length }} />;
  if (!asked.data) return <Failure error={asked.error} again={() => asked.refetch()} />;
  if (rows.length === 0) return <p className="mute s">{text.keeping.coverage.none}</p>;
  // On a camera's page the sum is of that camera; its neighbours are there to compare.
  const told = rows.filter((row) => !chosen || row.id === chosen.id).flatMap((row) => known(row.days));
  const floors = new Set(cameras.map((c) => c.floor_days));
  return (
    <CoverageCalendar
      rows={rows}
      zone={zone}
      chosen={chosen ?? null}
      onDay={onDay ?? ((id, day) => go(`/cameras/${id}?day=${day.day}`))}
      sum={sumWords(
        told,
        floors.size === 1 ? ([...floors][0] ?? null) : null,
        !chosen && rows.length > 1,
        text,
        language,
      )}
    />
  );
}
