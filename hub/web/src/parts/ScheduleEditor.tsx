// Weekly hours, edited by thumb or by keys, and the week they make.
import { Button } from "@mantine/core";
import {
  everyDay,
  overMidnight,
  type RecordingWrong,
  stretches,
  type WindowForm,
  weekOf,
  windowOf,
  workdays,
} from "../answer/recording";
import { useLanguage } from "../text";
import { hours } from "../time/format";

interface Props {
  windows: readonly WindowForm[];
  onWindows: (windows: WindowForm[]) => void;
  zone: string;
  /** Said only once the form was tried. */
  wrong: RecordingWrong | null;
}

const presets = {
  work: { days: workdays, from: "08:00", to: "18:00" },
  nights: { days: everyDay, from: "20:00", to: "06:00" },
  weekend: { days: [6, 7], from: "00:00", to: "00:00" },
} as const;

export function ScheduleEditor({ windows, onWindows, zone, wrong }: Props) {
  const { text } = useLanguage();
  const t = text.keeping.recording;
  const free = Math.max(0, ...windows.map((w) => w.key)) + 1;
  const change = (key: number, more: Partial<WindowForm>) =>
    onWindows(windows.map((w) => (w.key === key ? { ...w, ...more } : w)));
  return (
    <div className="schedule" data-testid="schedule">
      <div className="chips schedule-presets">
        <span className="s mute">{t.presetName}</span>
        {(Object.keys(presets) as (keyof typeof presets)[]).map((name) => (
          <button
            key={name}
            type="button"
            className="chip"
            onClick={() => onWindows([{ key: free, ...presets[name], days: [...presets[name].days] }])}
          >
            {t.presets[name]}
          </button>
        ))}
      </div>
      {windows.map((w, i) => (
        <Window
          key={w.key}
          window={w}
          number={i + 1}
          wrong={wrong?.windows[w.key] ?? null}
          onChange={(more) => change(w.key, more)}
          onRemove={() => onWindows(windows.filter((other) => other.key !== w.key))}
        />
      ))}
      {wrong?.none && (
        <p className="wrong s" role="alert">
          {t.needWindow}
        </p>
      )}
      <div>
        <Button
          variant="default"
          onClick={() => onWindows([...windows, { key: free, days: [...everyDay], from: "08:00", to: "18:00" }])}
          data-testid="schedule-add"
        >
          {t.add}
        </Button>
      </div>
      <Week windows={windows} />
      <p className="s mute">{t.zone(zone)}</p>
    </div>
  );
}

interface WindowProps {
  window: WindowForm;
  number: number;
  wrong: "days" | "time" | null;
  onChange: (more: Partial<WindowForm>) => void;
  onRemove: () => void;
}

function Window({ window: w, number, wrong, onChange, onRemove }: WindowProps) {
  const { text } = useLanguage();
  const t = text.keeping.recording;
  const real = windowOf(w);
  const whole = real !== null && real.start_minute === 0 && real.end_minute === 1440;
  return (
    <fieldset className="window" data-testid="schedule-window">
      <legend className="hide">{t.windowName(number)}</legend>
      <div className="window-days">
        {everyDay.map((day) => (
          <label key={day} className="day-toggle" title={t.dayNames[day - 1]}>
            <input
              type="checkbox"
              className="hide"
              checked={w.days.includes(day)}
              aria-label={t.dayNames[day - 1]}
              onChange={(event) =>
                onChange({ days: event.currentTarget.checked ? [...w.days, day] : w.days.filter((d) => d !== day) })
              }
            />
            <span aria-hidden="true">{t.days[day - 1]}</span>
          </label>
        ))}
      </div>
      <div className="window-times">
        <label className="time-field">
          <span className="s mute">{t.from}</span>
          <input
            type="time"
            value={w.from}
            onChange={(event) => onChange({ from: event.currentTarget.value })}
            data-testid="schedule-from"
          />
        </label>
        <label className="time-field">
          <span className="s mute">{t.to}</span>
          <input
            type="time"
            value={w.to}
            onChange={(event) => onChange({ to: event.currentTarget.value })}
            data-testid="schedule-to"
          />
        </label>
        <span className="s mute window-note">
          {whole ? t.wholeDay : real !== null && overMidnight(real) ? t.untilNext : ""}
        </span>
        <button type="button" className="link" aria-label={t.removeName(number)} onClick={onRemove}>
          {t.remove}
        </button>
      </div>
      {wrong && (
        <p className="wrong s" role="alert">
          {wrong === "days" ? t.needDays : t.needTime}
        </p>
      )}
    </fieldset>
  );
}

/** The week as seven strips: solid is recorded. */
function Week({ windows }: { windows: readonly WindowForm[] }) {
  const { text, language } = useLanguage();
  const t = text.keeping.recording;
  const minutes = weekOf(windows.flatMap((w) => windowOf(w) ?? []));
  const due = minutes.reduce((n, m) => n + m, 0) * 60_000;
  return (
    <figure className="week" aria-label={t.weekLabel}>
      {everyDay.map((day) => (
        <div key={day} className="week-row">
          <span className="s mute">{t.days[day - 1]}</span>
          <svg viewBox="0 0 1440 10" preserveAspectRatio="none" aria-hidden="true">
            <rect width="1440" height="10" className="week-ground" />
            {stretches(minutes, day).map(([from, to]) => (
              <rect key={from} x={from} width={to - from} height="10" className="week-kept" />
            ))}
          </svg>
        </div>
      ))}
      <div className="week-row s faint" aria-hidden="true">
        <span />
        <span className="week-hours">
          {["00", "06", "12", "18", "24"].map((h) => (
            <i key={h}>{h}</i>
          ))}
        </span>
      </div>
      <figcaption className="s">{t.weekSum(hours(due, language))}</figcaption>
    </figure>
  );
}
