// One figure over time: a line that breaks where nobody measured, its last value in words, any value on hover or by keys.
import { type PointerEvent, useId, useState } from "react";
import { useLanguage } from "../text";
import { clock, stamp } from "../time/format";

export interface Series {
  name?: string;
  points: readonly (readonly [at_ms: number, value: number])[];
}

interface Props {
  name: string;
  hint?: string;
  series: readonly Series[];
  from: number;
  to: number;
  zone: string;
  format: (value: number) => string;
  /** Top of the scale where it has a natural one. */
  max?: number;
}

const [w, h] = [300, 64];

export function Chart({ name, hint, series, from, to, zone, format, max }: Props) {
  const { text, language } = useLanguage();
  const id = useId();
  const [at, setAt] = useState<number | null>(null);
  const all = series.flatMap((s) => s.points);
  const top = max ?? Math.max(1e-9, ...all.map(([, v]) => v)) * 1.15;
  const x = (ms: number) => ((ms - from) / (to - from)) * w;
  const y = (v: number) => h - 2 - (Math.min(v, top) / top) * (h - 6);
  const last = series.map((s) => s.points.at(-1));
  const near = at === null ? null : series.map((s) => nearest(s.points, at));
  const shown = near ?? last;
  const words = shown
    .map((p, i) => (p ? `${series[i]?.name ? `${series[i]?.name} ` : ""}${format(p[1])}` : null))
    .filter(Boolean)
    .join(" · ");
  const when = shown.find(Boolean)?.[0];
  const point = (event: PointerEvent<SVGSVGElement>) => {
    const rect = event.currentTarget.getBoundingClientRect();
    setAt(from + ((event.clientX - rect.left) / rect.width) * (to - from));
  };
  return (
    <figure className="card chart" aria-labelledby={id}>
      <figcaption id={id}>
        <span className="chart-name">{name}</span>
        <b>{all.length === 0 ? text.common.unknown : words}</b>
      </figcaption>
      {all.length > 0 && <span className="chart-top s faint">{format(top)}</span>}
      {all.length === 0 ? (
        <div className="chart-none s faint">{text.agent.chart.noData}</div>
      ) : (
        <svg
          viewBox={`0 0 ${w} ${h}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${name}: ${words}`}
          onPointerMove={point}
          onPointerDown={point}
          onPointerLeave={() => setAt(null)}
        >
          <line x1="0" x2={w} y1={h - 1} y2={h - 1} className="chart-base" />
          {series.map((s, i) => {
            const pieces = unbroken(s.points);
            return (
              <g key={s.name ?? name} className={`chart-line l${i}`}>
                {i === 0 &&
                  pieces.map((p) => (
                    <path
                      key={`a${p[0]?.[0]}`}
                      className="chart-area"
                      d={`${line(p, x, y)}L${x(p.at(-1)?.[0] ?? 0)} ${h - 1}L${x(p[0]?.[0] ?? 0)} ${h - 1}Z`}
                    />
                  ))}
                {pieces.map((p) => (
                  <path key={`l${p[0]?.[0]}`} d={line(p, x, y)} vectorEffect="non-scaling-stroke" />
                ))}
              </g>
            );
          })}
          {at !== null && when !== undefined && (
            <line x1={x(when)} x2={x(when)} y1="0" y2={h} className="chart-at" vectorEffect="non-scaling-stroke" />
          )}
        </svg>
      )}
      <div className="chart-foot s faint">
        <span>{clock(from, zone, "minute")}</span>
        <span className="sp" />
        <span>{at !== null && when !== undefined ? stamp(when, zone, language) : hint}</span>
        <span className="sp" />
        <span>{clock(to, zone, "minute")}</span>
      </div>
    </figure>
  );
}

type Points = Series["points"];

function nearest(points: Points, at: number) {
  let best = points[0];
  for (const p of points) if (best && Math.abs(p[0] - at) < Math.abs(best[0] - at)) best = p;
  return best;
}

function line(points: Points, x: (ms: number) => number, y: (v: number) => number): string {
  return points.map(([t, v], i) => `${i ? "L" : "M"}${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join("");
}

/** Pieces without a hole: a hole is three usual intervals. */
export function unbroken(points: Points): Points[] {
  const steps = points
    .slice(1)
    .map((p, i) => p[0] - (points[i]?.[0] ?? 0))
    .sort((a, b) => a - b);
  const usual = steps[Math.floor(steps.length / 2)] ?? 30_000;
  const pieces: [number, number][][] = [];
  let before = Number.NEGATIVE_INFINITY;
  for (const [t, v] of points) {
    if (t - before > usual * 3 || pieces.length === 0) pieces.push([]);
    pieces.at(-1)?.push([t, v]);
    before = t;
  }
  return pieces;
}
