// Sizes and rates with their units.

const steps = ["B", "kB", "MB", "GB", "TB", "PB"];

/** `3.1 MB`: decimal units, as on the box's disk. */
export function bytes(n: number): string {
  let [value, step] = [Math.abs(n), 0];
  while (value >= 999.5 && step < steps.length - 1) {
    value /= 1000;
    step += 1;
  }
  const digits = step === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${steps[step] ?? "B"}`;
}

/** `3.1 Mbit/s` from bits per second. */
export function rate(bits: number): string {
  if (bits >= 999_500) return `${(bits / 1e6).toFixed(bits >= 1e8 ? 0 : 1)} Mbit/s`;
  if (bits >= 1000) return `${Math.round(bits / 1000)} kbit/s`;
  return `${Math.round(bits)} bit/s`;
}

/** `20 fps` from thousandths. */
export function fps(milli: number): string {
  const n = milli / 1000;
  return Number.isInteger(n) || Math.abs(n - Math.round(n)) < 0.05 ? String(Math.round(n)) : n.toFixed(1);
}

/** `12 345`: grouped with a thin space, the same in every language. */
export function count(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, " ");
}
