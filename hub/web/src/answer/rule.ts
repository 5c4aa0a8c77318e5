// How long a camera's footage is kept, as a form: what is typed, what is wrong with it, what it would delete. Pure.
import type { CameraDetail, ShortChoice } from "../api/types";
import { wrongDays } from "./newCamera";

export interface RuleForm {
  floor: string;
  ceiling: string;
  event_days: string;
  /** Gigabytes; empty for none. */
  quota: string;
  when_short: ShortChoice;
}

export type RuleField = "floor" | "ceiling" | "event_days" | "quota";

export const usualRule: RuleForm = {
  floor: "30",
  ceiling: "",
  event_days: "",
  quota: "",
  when_short: "keep_recording",
};

const gb = 1e9;

export function ruleForm(camera: CameraDetail): RuleForm {
  const { floor_days, ceiling_days } = camera.summary;
  return {
    floor: String(floor_days),
    ceiling: ceiling_days == null ? "" : String(ceiling_days),
    event_days: camera.event_days == null ? "" : String(camera.event_days),
    quota: camera.quota_bytes == null ? "" : String(camera.quota_bytes / gb),
    when_short: camera.when_short,
  };
}

export function wrongWithRule(form: RuleForm): Partial<Record<RuleField, true>> {
  const wrong: Partial<Record<RuleField, true>> = {};
  const days = wrongDays(form.floor, form.ceiling);
  if (days) wrong[days] = true;
  const events = form.event_days.trim();
  if (events !== "" && !days) {
    const n = Number(events);
    const top = form.ceiling.trim() === "" ? 3_650 : Number(form.ceiling);
    if (!/^\d{1,4}$/.test(events) || n < Number(form.floor) || n > top) wrong.event_days = true;
  }
  const quota = form.quota.trim();
  if (quota !== "" && !(Number(quota) > 0 && Number(quota) < 1e6)) wrong.quota = true;
  return wrong;
}

/** What the hub is told of a new camera: what is empty is left out. */
export function newRule(form: RuleForm) {
  return {
    floor_days: Number(form.floor),
    ceiling_days: form.ceiling.trim() === "" ? null : Number(form.ceiling),
    event_days: form.event_days.trim() === "" ? null : Number(form.event_days),
    quota_bytes: form.quota.trim() === "" ? null : Math.round(Number(form.quota) * gb),
    when_short: form.when_short,
  };
}

/** What the hub is told of a known one: 0 takes away what is empty now. */
export function changedRule(form: RuleForm) {
  const rule = newRule(form);
  return {
    ...rule,
    ceiling_days: rule.ceiling_days ?? 0,
    event_days: rule.event_days ?? 0,
    quota_bytes: rule.quota_bytes ?? 0,
  };
}

/** How much footage that lies there now a ceiling would delete, in ms. */
export function deletes(form: RuleForm, oldest_ms: number | null, now: number): number {
  if (oldest_ms === null || wrongWithRule(form).ceiling || form.ceiling.trim() === "") return 0;
  return Math.max(0, now - oldest_ms - Number(form.ceiling) * 86_400_000);
}
