// How a camera is recorded, as a form: what is typed, what is wrong with it, what the hub is told. Pure.
import type { RecordingMode, RecordingTerms, Trigger, WeekWindow } from "../api/types";
import { two } from "../time/zone";

export interface WindowForm {
  /** Stable while the window is on the page. */
  key: number;
  /** ISO days: 1 is Monday. */
  days: number[];
  /** `08:00`, as a time field has it. */
  from: string;
  to: string;
}

export interface RecordingForm {
  mode: RecordingMode;
  windows: WindowForm[];
  pre: string;
  post: string;
  triggers: Trigger[];
  reason: string;
}

export const workdays = [1, 2, 3, 4, 5];
export const everyDay = [1, 2, 3, 4, 5, 6, 7];

export const usualRecording: RecordingForm = {
  mode: "continuous",
  windows: [{ key: 1, days: workdays, from: "08:00", to: "18:00" }],
  pre: "10",
  post: "30",
  triggers: ["activity", "manual", "input"],
  reason: "",
};

/** What is set now, with the usual where the mode says nothing. */
export function recordingForm(terms: RecordingTerms): RecordingForm {
  const form = { ...usualRecording, mode: terms.mode };
  if (terms.mode === "schedule") form.windows = terms.windows.map((w, i) => ({ key: i + 1, ...windowForm(w) }));
  if (terms.mode === "event") {
    form.pre = String(terms.pre_s);
    form.post = String(terms.post_s);
    form.triggers = [...terms.triggers];
  }
  if (terms.mode === "live_only") form.reason = terms.reason;
  return form;
}

function windowForm(w: WeekWindow): Omit<WindowForm, "key"> {
  return { days: [...w.days].sort(), from: clockOf(w.start_minute), to: clockOf(w.end_minute % 1440) };
}

export function clockOf(minute: number): string {
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

/** Minutes after midnight; null when it is no time. */
export function minuteOf(text: string): number | null {
  const m = /^(\d\d?):(\d\d)(?::\d\d)?$/.exec(text.trim());
  const [hour, minute] = [Number(m?.[1]), Number(m?.[2])];
  return m && hour < 24 && minute < 60 ? hour * 60 + minute : null;
}

/** What a window is to the hub. Midnight as an end is the end of the day. */
export function windowOf(form: Pick<WindowForm, "days" | "from" | "to">): WeekWindow | null {
  const [start, end] = [minuteOf(form.from), minuteOf(form.to)];
  if (start === null || end === null || form.days.length === 0) return null;
  return { days: [...form.days].sort(), start_minute: start, end_minute: end === 0 ? 1440 : end };
}

/** Whether a window runs past midnight. */
export function overMidnight(w: WeekWindow): boolean {
  return w.end_minute <= w.start_minute;
}

export interface RecordingWrong {
  /** Windows without a day or with no time, by key. */
  windows: Record<number, "days" | "time">;
  none?: boolean;
  pre?: boolean;
  post?: boolean;
  reason?: boolean;
}

const whole = /^\d{1,4}$/;

export function wrongWithRecording(form: RecordingForm): RecordingWrong | null {
  const wrong: RecordingWrong = { windows: {} };
  if (form.mode === "schedule") {
    if (form.windows.length === 0) wrong.none = true;
    for (const w of form.windows) {
      if (w.days.length === 0) wrong.windows[w.key] = "days";
      else if (windowOf(w) === null) wrong.windows[w.key] = "time";
    }
  }
  if (form.mode === "event") {
    if (!whole.test(form.pre.trim()) || Number(form.pre) > 60) wrong.pre = true;
    if (!whole.test(form.post.trim()) || Number(form.post) > 3600) wrong.post = true;
  }
  if (form.mode === "live_only" && !form.reason.trim()) wrong.reason = true;
  const fine = Object.keys(wrong).length === 1 && Object.keys(wrong.windows).length === 0;
  return fine ? null : wrong;
}

/** What the hub is told; only of a form with nothing wrong. */
export function recordingTerms(form: RecordingForm): RecordingTerms {
  switch (form.mode) {
    case "schedule":
      return { mode: "schedule", windows: form.windows.flatMap((w) => windowOf(w) ?? []) };
    case "event":
      return { mode: "event", pre_s: Number(form.pre), post_s: Number(form.post), triggers: form.triggers };
    case "live_only":
      return { mode: "live_only", reason: form.reason.trim() };
    default:
      return { mode: form.mode };
  }
}

const week = 7 * 1440;

/** Every minute of a week, Monday first: 1 where a window reaches. */
export function weekOf(windows: readonly WeekWindow[]): Uint8Array {
  const out = new Uint8Array(week);
  for (const w of windows) {
    for (const day of w.days) {
      const from = (day - 1) * 1440 + w.start_minute;
      const to = (day - 1) * 1440 + w.end_minute + (overMidnight(w) ? 1440 : 0);
      for (let m = from; m < to; m++) out[m % week] = 1;
    }
  }
  return out;
}

/** Stretches of a day, in minutes, for its row. */
export function stretches(weekMinutes: Uint8Array, day: number): [number, number][] {
  const row = weekMinutes.subarray((day - 1) * 1440, day * 1440);
  const out: [number, number][] = [];
  for (let m = 0; m < 1440; m++) {
    if (!row[m]) continue;
    const from = m;
    while (m < 1440 && row[m]) m += 1;
    out.push([from, m]);
  }
  return out;
}
