// The hours over a strip, in the site's zone.
import { clock } from "../time/format";
import { offsetMs } from "../time/zone";

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200].map(
  (s) => s * 1000,
);

export function ticks(from: number, to: number, zone: string, most: number): number[] {
  const step = steps.find((s) => (to - from) / s <= most) ?? 86_400_000;
  const out: number[] = [];
  const ahead = offsetMs(from, zone);
  for (let t = Math.ceil((from + ahead) / step) * step - ahead; t <= to; t += step) out.push(t);
  return out;
}

export function Axis({ from, to, zone, most = 8 }: { from: number; to: number; zone: string; most?: number }) {
  return (
    <div className="axis s mute" aria-hidden="true">
      {ticks(from, to, zone, most).map((t) => {
        const share = (t - from) / (to - from);
        const last = share > 0.97;
        return (
          <span
            key={t}
            style={{
              left: `${share * 100}%`,
              transform: share < 0.03 ? "none" : last ? "translateX(-100%)" : undefined,
            }}
          >
            {last && to - from > 80_000_000 && to - t < 60_000
              ? "24:00"
              : clock(t, zone, to - from < most * 60_000 ? "second" : "minute")}
          </span>
        );
      })}
    </div>
  );
}
