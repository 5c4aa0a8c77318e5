// How to read the strip, once per page: the strokes that are always possible, and those this strip has.
import { isUnsure, type Lane } from "../strip/model";
import { useText } from "../text";

export function Legend({ lane }: { lane: Lane }) {
  const t = useText().camera;
  const has = {
    kept: true,
    gap: true,
    held: true,
    unsure: lane.spans.some(isUnsure),
    event: (lane.events ?? []).length > 0,
    damage: (lane.damage ?? []).length > 0,
    clock: (lane.clock_marks ?? []).length > 0,
    idle: lane.gaps.some((g) => g.cause === "schedule"),
    unknown: true,
  };
  return (
    <div className="legend s mute">
      {(Object.keys(has) as (keyof typeof has)[])
        .filter((name) => has[name])
        .map((name) => (
          <span key={name}>
            <i className={`l-${name}`} />
            {t.legend[name]}
          </span>
        ))}
      <span className="legend-keys">{t.legendKeys}</span>
    </div>
  );
}
