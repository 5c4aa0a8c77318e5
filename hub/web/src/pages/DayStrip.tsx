// The last 24 hours of some cameras as one strip, fetched once it is in sight.
import { useEffect, useRef, useState } from "react";
import { useTimelines } from "../api/reads";
import type { CameraSummary } from "../api/types";
import { noLane } from "../strip/model";
import { Strip } from "../strip/Strip";

interface Props {
  cameras: readonly Pick<CameraSummary, "id" | "oldest_ms">[];
  zone: string;
  label: string;
  now: number;
  height: number;
}

const day = 86_400_000;
const quarter = 900_000;

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

function Fetched({ cameras, zone, label, now, height }: Props) {
  // The bounds move every quarter of an hour, so that the same question is asked again and answered from the cache.
  const to = Math.ceil(now / quarter) * quarter;
  const from = to - day;
  const asked = useTimelines(
    cameras.map((c) => c.id),
    from,
    to,
  );
  const lanes = asked.map((a, i) => ({ ...(a.data ?? noLane), oldest_ms: cameras[i]?.oldest_ms }));
  if (asked.some((a) => a.isPending)) return <span className="bone" style={{ height, display: "block" }} />;
  return <Strip lanes={lanes} from={from} to={to} now={now} zone={zone} label={label} height={height} quiet />;
}
