// How long a box's disk lasts: the answer in words, one bar, what goes first.
import { forecast } from "../answer/retention";
import type { CameraSummary, RetentionView, ShortChoice } from "../api/types";
import { useLanguage } from "../text";
import { stamp } from "../time/format";
import { bytes } from "../time/size";
import { State } from "./State";

interface Props {
  retention: RetentionView | null;
  whenShort: ShortChoice | null;
  cameras: readonly CameraSummary[];
  zone: string;
}

export function Forecast({ retention, whenShort, cameras, zone }: Props) {
  const { text, language } = useLanguage();
  const t = text.keeping.forecast;
  if (!retention) {
    return (
      <div className="card pad forecast" data-testid="forecast">
        <State level="unknown" big>
          {t.measuring}
        </State>
        {whenShort && <p className="s mute">{t.whenShort[whenShort]}</p>}
      </div>
    );
  }
  const f = forecast(retention, zone, text, language);
  const needed = (retention.bytes_per_day * retention.floor_hours) / 24;
  const next = retention.next_to_go;
  const name = next ? cameras.find((c) => c.id === next.camera)?.name : undefined;
  return (
    <div className="card pad forecast" data-testid="forecast">
      <State level={f.level} big>
        {f.words}
      </State>
      {f.trouble && (
        <p className={f.level === "bad" ? "wrong" : "warn"}>
          {f.trouble} {f.level === "bad" && t.advice}
        </p>
      )}
      <div className="forecast-bar" role="img" aria-label={t.bar(bytes(needed), bytes(retention.capacity))}>
        <span className="forecast-room" style={{ width: `${f.room * 100}%` }} />
        <span className="forecast-need" style={{ width: `${Math.min(f.needed, f.room) * 100}%` }} />
        {f.needed > f.room && (
          <span
            className="forecast-short"
            style={{ left: `${f.room * 100}%`, width: `${(f.needed - f.room) * 100}%` }}
          />
        )}
      </div>
      <p className="s mute">{t.bar(bytes(needed), bytes(retention.capacity))}</p>
      <ul className="s mute forecast-list">
        <li>{t.perDay(bytes(retention.bytes_per_day))}</li>
        <li>{t.bound(bytes(retention.bound))}</li>
        {next && (
          <li>
            {t.next(
              `${name ?? next.camera.slice(0, 13)}${next.stream === "sub" ? ` · ${text.camera.facts.sub}` : ""}`,
              stamp(next.start_ms, zone, language, "minute"),
            )}
          </li>
        )}
        {whenShort && <li>{t.whenShort[whenShort]}</li>}
      </ul>
    </div>
  );
}
