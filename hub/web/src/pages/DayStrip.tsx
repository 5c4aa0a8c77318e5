// The last hours of some cameras as one strip, fetched once it is in sight.
import { useEffect, useRef, useState } from "react";
import { useTimelines } from "../api/reads";
import type { CameraSummary } from "../api/types";
import { noLane } from "../strip/model";
import { Strip } from "../strip/Strip";
import { useText } from "../text";

interface Props {
  cameras: readonly Pick<CameraSummary, "id" | "oldest_ms">[];
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
  const asked = useTimelines(
    cameras.map((c) => c.id),
    from,
    to,
  );
  const lanes = asked.map((a, i) => ({ ...(a.data ?? noLane), oldest_ms: cameras[i]?.oldest_ms }));
  if (asked.some((a) => a.isPending)) return <span className="bone" style={{ height, display: "block" }} />;
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
