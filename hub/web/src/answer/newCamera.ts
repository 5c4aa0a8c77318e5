// A new camera, checked before anything is sealed or sent. Pure.

export interface CameraForm {
  name: string;
  url: string;
  sub_url: string;
  user: string;
  password: string;
  floor: string;
  ceiling: string;
}

export type Field = "name" | "url" | "sub_url" | "user" | "floor" | "ceiling";
export type WrongWord = "name" | "url" | "secret" | "user" | "colon" | "floor" | "ceiling";

const whole = /^\d{1,4}$/;

/** Which of the two numbers of days is wrong. An empty ceiling means none. */
export function wrongDays(floor: string, ceiling: string): "floor" | "ceiling" | null {
  if (!whole.test(floor.trim()) || Number(floor) > 3650) return "floor";
  if (ceiling.trim() === "") return null;
  if (!whole.test(ceiling.trim()) || Number(ceiling) < Number(floor) || Number(ceiling) === 0) return "ceiling";
  return null;
}

/** What is wrong with an address: none, not one, or one that holds a secret. */
export function wrongUrl(text: string): "url" | "secret" | null {
  const m = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i.exec(text.trim());
  if (!m || /\s/.test(text.trim())) return "url";
  if (m[2]?.includes("@")) return "secret";
  if (/[?&](password|passwd|pwd|pass|token|secret)=/i.test(m[3] ?? "")) return "secret";
  const local = /^(v4l2|libcamera)$/i.test(m[1] ?? "");
  if (!local && !m[2]) return "url";
  return null;
}

/** `10.0.0.9:554`: the authority a credential is bound to, lower case. */
export function hostOf(url: string): string {
  return (/^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url.trim())?.[1] ?? "").toLowerCase();
}

export function wrongWithCamera(form: CameraForm): Partial<Record<Field, WrongWord>> {
  const wrong: Partial<Record<Field, WrongWord>> = {};
  if (!form.name.trim()) wrong.name = "name";
  const url = wrongUrl(form.url);
  if (url) wrong.url = url;
  const sub = form.sub_url.trim() ? wrongUrl(form.sub_url) : null;
  if (sub) wrong.sub_url = sub;
  if (form.password && !form.user.trim()) wrong.user = "user";
  else if (form.user.includes(":")) wrong.user = "colon";
  const days = wrongDays(form.floor, form.ceiling);
  if (days) wrong[days] = days;
  return wrong;
}
