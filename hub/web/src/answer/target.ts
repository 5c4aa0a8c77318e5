// What a camera's picture should be, as a form: measured figures far from it open a fault (CAP-04). Pure.
import type { StreamAim, StreamNow } from "../api/types";
import { fps, rate } from "../time/size";

export interface TargetForm {
  width: string;
  height: string;
  fps: string;
  /** Megabits per second. */
  mbit: string;
}

export const noTarget: TargetForm = { width: "", height: "", fps: "", mbit: "" };

export function targetForm(aim: StreamAim | null | undefined): TargetForm {
  return {
    width: aim?.width == null ? "" : String(aim.width),
    height: aim?.height == null ? "" : String(aim.height),
    fps: aim?.fps_milli == null ? "" : String(aim.fps_milli / 1_000),
    mbit: aim?.bits_per_s == null ? "" : String(aim.bits_per_s / 1e6),
  };
}

/** What is measured now, as a target: whole frames, tenths of a megabit. */
export function measured(stream: StreamNow | null): TargetForm | null {
  if (!stream || stream.width == null || stream.height == null || stream.fps_milli === 0) return null;
  return {
    width: String(stream.width),
    height: String(stream.height),
    fps: String(Math.round(stream.fps_milli / 1_000)),
    mbit: String(Math.max(0.1, Math.round(stream.bitrate_bps / 1e5) / 10)),
  };
}

export function wrongWithTarget(form: TargetForm): Partial<Record<keyof TargetForm, true>> {
  const wrong: Partial<Record<keyof TargetForm, true>> = {};
  const most = { width: 16_384, height: 16_384, fps: 240, mbit: 1_000 } as const;
  for (const name of ["width", "height", "fps", "mbit"] as const) {
    const text = form[name].trim();
    const n = Number(text);
    const whole = name === "width" || name === "height";
    if (text !== "" && !(n > 0 && n <= most[name] && (!whole || Number.isInteger(n)))) wrong[name] = true;
  }
  return wrong;
}

/** What the hub is told; null when nothing is aimed at. */
export function aimOf(form: TargetForm): StreamAim | null {
  const number = (text: string, scale: number) => (text.trim() === "" ? null : Math.round(Number(text) * scale));
  const aim = {
    width: number(form.width, 1),
    height: number(form.height, 1),
    fps_milli: number(form.fps, 1_000),
    bits_per_s: number(form.mbit, 1e6),
  };
  return Object.values(aim).every((v) => v === null) ? null : aim;
}

/** `1920 × 1080, 20 fps, 3.0 Mbit/s` */
export function aimWords(aim: StreamAim, fpsWords: (n: string) => string): string {
  return [
    aim.width != null && aim.height != null && `${aim.width} × ${aim.height}`,
    aim.fps_milli != null && fpsWords(fps(aim.fps_milli)),
    aim.bits_per_s != null && rate(aim.bits_per_s),
  ]
    .filter(Boolean)
    .join(", ");
}
