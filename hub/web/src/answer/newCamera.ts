// A new camera, checked before anything is sealed or sent. Pure.

export interface CameraForm {
  name: string;
  url: string;
  sub_url: string;
  user: string;
  password: string;
}

export type Field = "name" | "url" | "sub_url" | "user";
export type WrongWord = "name" | "url" | "secret" | "user" | "colon";

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

const ports: Record<string, number> = { rtsp: 554, rtsps: 322, http: 80, https: 443 };

/**
 * `10.0.0.9:554`: what a credential is bound to. Lower case, with the scheme's port when the address names none, exactly
 * as the hub and the box spell it. Null for an address without a host.
 */
export function hostOf(url: string): string | null {
  const m = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i.exec(url.trim());
  const host = (m?.[2] ?? "").split("@").at(-1)?.toLowerCase() ?? "";
  if (!host) return null;
  const colon = host.lastIndexOf(":");
  const named = colon >= 0 && colon > host.lastIndexOf("]");
  const port = ports[(m?.[1] ?? "").toLowerCase()];
  return named || port === undefined ? host : `${host}:${port}`;
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
  return wrong;
}

/** Where a known camera is and how it is entered. An empty password stays as it is. */
export interface DoorForm {
  url: string;
  sub_url: string;
  user: string;
  password: string;
}

/** What is wrong with a changed door: a password is bound to its host, so another host needs it again. */
export function wrongWithDoor(
  form: DoorForm,
  old_url: string,
  has_credential: boolean,
): Partial<Record<"url" | "sub_url" | "user" | "password", WrongWord | "moved">> {
  const wrong: Partial<Record<"url" | "sub_url" | "user" | "password", WrongWord | "moved">> = {};
  const url = wrongUrl(form.url);
  if (url) wrong.url = url;
  const sub = form.sub_url.trim() ? wrongUrl(form.sub_url) : null;
  if (sub) wrong.sub_url = sub;
  if (form.password && !form.user.trim()) wrong.user = "user";
  else if (form.user.includes(":")) wrong.user = "colon";
  else if (has_credential && !form.password && hostOf(form.url) !== hostOf(old_url)) wrong.password = "moved";
  return wrong;
}
