// The last hours of some cameras of a site as one strip, fetched once it is in sight, once for the whole site.
import { useEffect, useMemo, useRef, useState } from "react";
import { useSiteStrip } from "../api/reads";
import type { CameraSummary } from "../api/types";
import { type Lane, noLane } from "../strip/model";
import { Strip } from "../strip/Strip";
import { useText } from "../text";

interface Props {
  /** All of one site. */
  cameras: readonly Pick<CameraSummary, "id" | "site" | "oldest_ms">[];
  zone: string;
  /** What it is a strip of. */
  name: string;
  hours: number;
  now: number;
  height: number;
}

const hour = 3_600_000;

export function DayStrip(props: Props) {
  const box = useRef<HTMLSpanElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const element = box.current;
    if (!element || seen) return;
    const watch = new IntersectionObserver(([entry]) => entry?.isIntersecting && setSeen(true), {
      rootMargin: "200px",
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, [seen]);
  return (
    <span ref={box} className="day-strip" style={{ height: props.height }}>
      {seen && <Fetched {...props} />}
    </span>
  );
}

function Fetched({ cameras, zone, name, hours, now, height }: Props) {
  const text = useText();
  // The bounds move by a hundredth, so that the same question is asked again and answered from the cache.
  const step = (hours * hour) / 96;
  const to = Math.ceil(now / step) * step;
  const from = to - hours * hour;
  const asked = useSiteStrip(cameras[0]?.site ?? "", from, to);
  const lanes = useMemo(
    () =>
      cameras.map((camera): Lane => {
        const row = asked.data?.cameras.find((c) => c.camera === camera.id);
        if (!row) return { ...noLane, oldest_ms: camera.oldest_ms };
        const holds = row.holds.map((h) => ({ ...h, id: String(h.start_ms), reason: "" }));
        return { ...row, holds, oldest_ms: camera.oldest_ms };
      }),
    [asked.data, cameras],
  );
  if (asked.isPending) return <span className="bone" style={{ height, display: "block" }} />;
  return (
    <Strip
      lanes={lanes}
      from={from}
      to={to}
      now={now}
      zone={zone}
      label={text.fleet.stripLabel(name, hours)}
      height={height}
      quiet
    />
  );
}
