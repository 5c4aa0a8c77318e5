// Paints a raster onto a canvas: kept solid with activity as height, a gap an absence with a red thread through it,
// a hold a gold line under it, an unsure clock tinted, the unaccounted hollow. The same strokes at every scale.
import type { Raster } from "./model";

export interface Ink {
  card: string;
  kept: string;
  kept2: string;
  held: string;
  gap: string;
  late: string;
  off: string;
  sched: string;
}

/** The theme's colours as they are now. */
export function ink(element: Element): Ink {
  const style = getComputedStyle(element);
  const get = (name: string) => style.getPropertyValue(name).trim() || "#888";
  return {
    card: get("--strip-ground") === "#888" ? get("--card") : get("--strip-ground"),
    kept: get("--kept"),
    kept2: get("--kept-2"),
    held: get("--held"),
    gap: get("--gap"),
    late: get("--late"),
    off: get("--off"),
    sched: get("--sched"),
  };
}

/** Runs of pixels for which `is` holds. */
function runs(width: number, is: (x: number) => boolean, each: (from: number, to: number) => void) {
  for (let x = 0; x < width; ) {
    if (!is(x)) {
      x += 1;
      continue;
    }
    const from = x;
    while (x < width && is(x)) x += 1;
    each(from, x);
  }
}

export function draw(
  canvas: HTMLCanvasElement,
  r: Raster,
  colours: Ink,
  width: number,
  height: number,
  solid: boolean,
) {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const g = canvas.getContext("2d");
  if (!g) return;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  const w = r.kept.length;
  const at = (list: ArrayLike<number>, x: number) => list[x] ?? 0;
  const absent = (x: number) => at(r.gap, x) > 0 && (r.lanes === 1 || at(r.kept, x) === 0 || at(r.gap, x) >= r.lanes);

  g.fillStyle = colours.sched;
  runs(
    w,
    (x) => at(r.future, x) > 0 && at(r.kept, x) === 0,
    (a, b) => g.fillRect(a, 0, b - a, height),
  );

  // Not accounted for: hollow, a dotted middle.
  g.fillStyle = colours.off;
  runs(
    w,
    (x) => !at(r.future, x) && !at(r.kept, x) && !at(r.gap, x),
    (a, b) => {
      g.globalAlpha = 0.55;
      g.fillRect(a, 0, b - a, 1);
      g.fillRect(a, height - 1, b - a, 1);
      for (let x = a + 1; x < b; x += 4) g.fillRect(x, height / 2 - 0.5, Math.min(1.5, b - x), 1.5);
      g.globalAlpha = 1;
    },
  );

  g.fillStyle = solid ? colours.kept : colours.kept2;
  runs(
    w,
    (x) => at(r.kept, x) > 0 && !absent(x),
    (a, b) => g.fillRect(a, 0, b - a, height),
  );

  if (!solid) {
    g.fillStyle = colours.kept;
    for (let i = 0; i < r.bars.length; i++) {
      const bar = at(r.bars, i);
      const x = i * r.pitch;
      if (bar <= 0 || absent(x) || absent(x + 1)) continue;
      const h = Math.max(1, bar * height);
      g.fillRect(x, height - h, r.pitch - 1, h);
    }
  }

  g.fillStyle = colours.late;
  g.globalAlpha = 0.5;
  runs(
    w,
    (x) => at(r.unsure, x) > 0 && !absent(x),
    (a, b) => g.fillRect(a, 0, b - a, height),
  );
  g.globalAlpha = 1;

  const thread = height >= 12 ? 3 : 2;
  g.fillStyle = colours.gap;
  runs(
    w,
    (x) => at(r.gap, x) > 0,
    (a, b) => g.fillRect(a, Math.round(height / 2 - thread / 2), b - a, thread),
  );

  g.fillStyle = colours.held;
  const line = height >= 20 ? 3 : 2;
  runs(
    w,
    (x) => at(r.held, x) > 0,
    (a, b) => g.fillRect(a, height - line, b - a, line),
  );
}
