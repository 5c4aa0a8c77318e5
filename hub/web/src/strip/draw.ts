// Paints a raster onto a canvas: kept solid with activity as height, a gap an absence with a red thread through it,
// a hold a gold line under it, an unsure clock tinted, damage hatched, an event a tick at the top, a change of the clock a
// broken line across, the unaccounted hollow. The same strokes at every scale.
import type { Raster } from "./raster";

export interface Ink {
  ink: string;
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
    ink: get("--ink"),
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
    (a, b) => {
      // A few minutes in a month are still there to be seen.
      const thin = b - a < 6;
      const wide = Math.max(3, b - a);
      if (thin) g.fillStyle = colours.kept;
      g.fillRect(Math.max(0, Math.min(a, w - wide)), 0, wide, height);
      if (thin && !solid) g.fillStyle = colours.kept2;
    },
  );

  // Under the heights, which stay readable.
  g.fillStyle = colours.late;
  for (const [much, alpha] of [
    [1, 0.24],
    [2, 0.55],
  ] as const) {
    g.globalAlpha = alpha;
    runs(
      w,
      (x) => at(r.unsure, x) === much && !absent(x),
      (a, b) => g.fillRect(a, 0, b - a, height),
    );
  }
  g.globalAlpha = 1;

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

  runs(
    w,
    (x) => at(r.damaged, x) > 0,
    (a, b) => hatch(g, a, b, height, colours),
  );

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

  if (height >= 12) {
    marks(g, r, w, height, colours);
    events(g, r, w, height, colours);
  }
}

type Pen = CanvasRenderingContext2D;

/** Damaged footage: there, and not to be trusted. */
function hatch(g: Pen, from: number, to: number, height: number, colours: Ink) {
  g.save();
  g.beginPath();
  g.rect(from, 0, to - from, height);
  g.clip();
  g.strokeStyle = colours.gap;
  g.lineWidth = 1.5;
  g.beginPath();
  for (let x = from - height; x < to; x += 5) {
    g.moveTo(x, height);
    g.lineTo(x + height, 0);
  }
  g.stroke();
  g.strokeRect(from + 0.5, 0.5, to - from - 1, height - 1);
  g.restore();
}

/** A change of the clock: a broken line across, with a diamond. */
function marks(g: Pen, r: Raster, w: number, height: number, colours: Ink) {
  g.fillStyle = colours.ink;
  for (let x = 0; x < w; x++) {
    if (!r.mark[x]) continue;
    for (let y = 0; y < height; y += 4) g.fillRect(x, y, 1, 2);
    const middle = height / 2;
    g.beginPath();
    g.moveTo(x + 0.5, middle - 4);
    g.lineTo(x + 4.5, middle);
    g.lineTo(x + 0.5, middle + 4);
    g.lineTo(x - 3.5, middle);
    g.fill();
  }
}

/** An event: a line along the top for as long as it lasts, a tick where it begins. */
function events(g: Pen, r: Raster, w: number, height: number, colours: Ink) {
  g.fillStyle = colours.ink;
  runs(
    w,
    (x) => (r.event[x] ?? 0) > 0,
    (a, b) => g.fillRect(a, 0, b - a, 2),
  );
  const size = height >= 20 ? 6 : 4;
  let last = Number.NEGATIVE_INFINITY;
  for (let x = 0; x < w; x++) {
    if (r.event[x] !== 2 || x - last < size) continue;
    last = x;
    g.beginPath();
    g.moveTo(x - size / 2, 0);
    g.lineTo(x + size / 2 + 1, 0);
    g.lineTo(x + 0.5, size);
    g.fill();
  }
}
