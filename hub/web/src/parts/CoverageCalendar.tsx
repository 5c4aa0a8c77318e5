// Cameras by days: how much of each day is recorded, as shape, colour and words; one press goes to the day.
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { type DayLook, dayAccount, firstKnown, known } from "../answer/coverage";
import { dayWords } from "../answer/dayWords";
import type { CoverageDay } from "../api/types";
import { useLanguage } from "../text";
import { date, shortDate } from "../time/format";
import { reading } from "../time/zone";
import "./coverage.css";

export interface CoverageRow {
  id: string;
  name: string;
  days: readonly CoverageDay[];
}

interface Props {
  rows: readonly CoverageRow[];
  /** The site's zone: what a day is, whatever clock is shown elsewhere. */
  zone: string;
  /** The row and day looked at now. */
  chosen?: { id: string; day: string } | null;
  onDay: (id: string, day: CoverageDay) => void;
  /** What all the rows come to. */
  sum: string;
}

export function CoverageCalendar({ rows, zone, chosen, onDay, sum }: Props) {
  const { text, language } = useLanguage();
  const t = text.keeping.coverage;
  const grid = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<{ row: number; column: number } | null>(null);
  const columns = rows[0]?.days ?? [];
  // Said once per answer of the hub: the present moves every second, the days do not.
  const cells = useMemo(
    () =>
      rows.map((row) => {
        const first = firstKnown(row.days);
        return row.days.map((day, c) => {
          const a = dayAccount(day);
          const { day: number } = reading(day.start_ms, zone);
          return {
            day,
            look: c < first ? ("before" as const) : a.look,
            signed: a.signed,
            share: Math.max(0.18, Math.min(0.9, a.share)),
            words:
              c < first ? `${date(day.start_ms, zone, language)}: ${t.before}` : dayWords(day, zone, text, language),
            number: c === 0 || number === 1 ? shortDate(day.start_ms, zone, language) : number,
          };
        });
      }),
    [rows, zone, text, language, t.before],
  );
  const looks = useMemo(() => {
    const found = new Set<DayLook | "before">(cells.flatMap((row) => row.map((cell) => cell.look)));
    return (["whole", "some", "little", "nothing", "damaged", "idle", "unknown"] as const).filter((l) => found.has(l));
  }, [cells]);
  const unsigned = rows.some((row) => known(row.days).some((d) => d.state === "running"));

  // One stop for Tab; arrows walk inside.
  const rest = {
    row: Math.max(
      0,
      rows.findIndex((r) => r.id === chosen?.id),
    ),
    column: chosen ? columns.findIndex((d) => d.day === chosen.day) : columns.length - 1,
  };
  const stop = at ?? { row: rest.row, column: rest.column < 0 ? columns.length - 1 : rest.column };
  const onKeyDown = (event: KeyboardEvent) => {
    const move: Record<string, [number, number]> = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      Home: [0, -columns.length],
      End: [0, columns.length],
    };
    const step = move[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const row = Math.max(0, Math.min(rows.length - 1, stop.row + step[0]));
    const column = Math.max(0, Math.min(columns.length - 1, stop.column + step[1]));
    setAt({ row, column });
    grid.current?.querySelector<HTMLElement>(`[data-cell="${row}/${column}"]`)?.focus();
  };

  const pointed = at ? cells[at.row]?.[at.column] : undefined;
  const said = pointed ? `${rows.length > 1 ? `${rows[at?.row ?? 0]?.name}, ` : ""}${pointed.words}` : null;
  return (
    <div className="coverage" data-testid="coverage">
      <div
        ref={grid}
        className={`coverage-grid${rows.length > 1 ? " named" : ""}${chosen ? " mine" : ""}`}
        style={{ "--days": columns.length } as React.CSSProperties}
        role="group"
        aria-label={t.title}
        onKeyDown={onKeyDown}
        onPointerLeave={() => setAt(null)}
      >
        {rows.map((row, r) => (
          <div key={row.id} className="coverage-row" role="group" aria-label={t.row(row.name)}>
            {rows.length > 1 && <span className="coverage-name ellipsis s">{row.name}</span>}
            {cells[r]?.map(({ day, look, signed, share, words, number }, c) => {
              const on = chosen?.id === row.id && chosen.day === day.day;
              return (
                <span key={day.day} className="coverage-cell">
                  <button
                    type="button"
                    className={`day-cell ${look}${on ? " on" : ""}${signed ? "" : " unsigned"}`}
                    style={{ "--share": share } as React.CSSProperties}
                    aria-label={words}
                    aria-pressed={on}
                    tabIndex={stop.row === r && stop.column === c ? 0 : -1}
                    data-cell={`${r}/${c}`}
                    data-look={look}
                    onClick={() => onDay(row.id, day)}
                    onFocus={() => setAt({ row: r, column: c })}
                    onBlur={() => setAt(null)}
                    onPointerEnter={() => setAt({ row: r, column: c })}
                  />
                  <span className="day-number" aria-hidden="true">
                    {number}
                  </span>
                </span>
              );
            })}
          </div>
        ))}
        <div className="coverage-row coverage-foot s mute" aria-hidden="true">
          {rows.length > 1 && <span />}
          {columns.map((day, c) => (
            <span key={day.day}>
              {(c % 7 === 0 || c === columns.length - 1) && (c < columns.length - 4 || c === columns.length - 1)
                ? shortDate(day.start_ms, zone, language)
                : ""}
            </span>
          ))}
        </div>
      </div>
      <p className={`s coverage-said${said ? "" : " mute"}`} aria-live="off">
        {said ?? sum}
      </p>
      <div className="legend s mute">
        {looks.map((look) => (
          <span key={look}>
            <i className={`day-cell ${look}`} style={{ "--share": 0.5 } as React.CSSProperties} />
            {t.look[look]}
          </span>
        ))}
        {unsigned && (
          <span>
            <i className="day-cell whole unsigned" />
            {t.unsigned}
          </span>
        )}
        <span className="legend-keys">{t.hint}</span>
      </div>
    </div>
  );
}
