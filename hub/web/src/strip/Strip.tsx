// The strip: time from left to right, at every scale the same. Points by hover, tap and keys; chooses a range by drag.
import { type KeyboardEvent, type PointerEvent, useCallback, useEffect, useId, useMemo, useRef, useState } from "react";
import { useLanguage } from "../text";
import { clock, range as rangeWords, stamp } from "../time/format";
import { draw, ink } from "./draw";
import { type Lane, nextEvent, nextGap } from "./model";
import { nextActivity, raster } from "./raster";
import "./strip.css";
import { say } from "./words";

export interface Range {
  start: number;
  end: number;
}

interface Props {
  lanes: readonly Lane[];
  from: number;
  to: number;
  now: number;
  zone: string;
  /** What it is a strip of, for those who cannot see it. */
  label: string;
  height?: number;
  /** A cell in a wall: points on hover, but takes no place in the order of Tab. */
  quiet?: boolean;
  /** Days of a calendar: kept is plain, without heights. */
  solid?: boolean;
  /** Says nothing on hover: something around it does. */
  still?: boolean;
  cursor?: number | null;
  range?: Range | null;
  onPick?: (ms: number) => void;
  onRange?: (range: Range) => void;
  testId?: string;
}

export function Strip(props: Props) {
  const {
    lanes,
    from,
    to,
    now,
    zone,
    label,
    height = 14,
    quiet,
    solid,
    still,
    cursor,
    range,
    onPick,
    onRange,
    testId,
  } = props;
  const { language, text } = useLanguage();
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [point, setPoint] = useState<number | null>(null);
  const drag = useRef<{ at: number; x: number; moved: boolean } | null>(null);
  const [dragging, setDragging] = useState<Range | null>(null);
  const id = useId();
  const scheme = useScheme();

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  // A day moves one pixel in a minute and a half: between, the present need not be drawn again.
  const step = Math.max(1_000, (to - from) / Math.max(1, width));
  const drawnNow = Math.floor(now / step) * step + step;
  const picture = useMemo(
    () => (width > 0 ? raster(lanes, from, to, width, Math.min(drawnNow, now + step), width < 200 ? 2 : 3) : null),
    [lanes, from, to, width, drawnNow, now, step],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours change with the theme
  useEffect(() => {
    if (canvas.current && picture && box.current) {
      draw(canvas.current, picture, ink(box.current), width, height, solid ?? false);
    }
  }, [picture, width, height, solid, scheme]);

  useEffect(() => {
    if (point === null) return;
    const elsewhere = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setPoint(null);
    };
    document.addEventListener("pointerdown", elsewhere);
    return () => document.removeEventListener("pointerdown", elsewhere);
  }, [point]);

  const per = (to - from) / Math.max(1, width);
  const x = (ms: number) => Math.max(0, Math.min(width, (ms - from) / per));
  const msAt = useCallback(
    (event: PointerEvent) => {
      const rect = box.current?.getBoundingClientRect();
      if (!rect) return from;
      return Math.round(from + Math.max(0, Math.min(1, (event.clientX - rect.left) / rect.width)) * (to - from));
    },
    [from, to],
  );

  const onPointerDown = (event: PointerEvent) => {
    if (!still) setPoint(msAt(event));
    if (event.button !== 0 || (!onPick && !onRange)) return;
    drag.current = { at: msAt(event), x: event.clientX, moved: false };
    if (onRange) event.currentTarget.setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent) => {
    if (still) return;
    const at = msAt(event);
    setPoint(at);
    const d = drag.current;
    if (!d || !onRange) return;
    if (Math.abs(event.clientX - d.x) > 4) d.moved = true;
    if (d.moved) setDragging({ start: Math.min(d.at, at), end: Math.max(d.at, at) });
  };
  const onPointerUp = (event: PointerEvent) => {
    const d = drag.current;
    drag.current = null;
    setDragging(null);
    if (!d) return;
    const at = msAt(event);
    if (d.moved && onRange) onRange({ start: Math.min(d.at, at), end: Math.max(d.at, at) });
    else onPick?.(at);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = point ?? cursor ?? Math.min(now, (from + to) / 2);
    const stride = ((to - from) / 288) * (event.shiftKey ? 10 : 1);
    const go = (ms: number | null) => {
      event.preventDefault();
      event.stopPropagation();
      if (ms !== null) setPoint(Math.round(Math.max(from, Math.min(to - 1, ms))));
    };
    if (event.key === "ArrowRight") go(at + stride);
    else if (event.key === "ArrowLeft") go(at - stride);
    else if (event.key === "Home") go(from);
    else if (event.key === "End") go(Math.min(now, to));
    else if (event.key === "g" || event.key === "G") go(nextGap(lanes, at));
    else if (event.key === "e" || event.key === "E") go(nextEvent(lanes, at));
    else if (event.key === "j" || event.key === "J") go(at - stride * 2);
    else if (event.key === "l" || event.key === "L") go(at + stride * 2);
    else if (event.key === "a" || event.key === "A") go(picture ? nextActivity(picture, from, to, at) : null);
    else if ((event.key === "Enter" || event.key === "k" || event.key === "K") && onPick) {
      go(at);
      onPick(at);
    } else if (event.key === "Escape") setPoint(null);
  };

  const shown = dragging ?? range ?? null;
  const said = point !== null ? say(lanes, point, now, per * 3, zone, language, text) : null;
  // At the left end the words begin at the point, at the right end they end there: never outside the strip.
  const share = point !== null && width > 0 ? x(point) / width : 0;
  const interactive = !quiet;
  return (
    <div
      ref={box}
      className={`strip${onRange ? " choose" : ""}`}
      style={{ height }}
      {...(interactive
        ? {
            role: "slider",
            tabIndex: 0,
            "aria-label": label,
            "aria-valuemin": from,
            "aria-valuemax": to,
            "aria-valuenow": point ?? cursor ?? from,
            "aria-valuetext": said ? `${said.head}, ${said.lines.join(", ")}` : stamp(cursor ?? from, zone, language),
            "aria-describedby": id,
          }
        : { role: "img", "aria-label": label })}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerCancel={() => {
        drag.current = null;
        setDragging(null);
      }}
      // A finger that lifts has not left: what it touched stays said until it touches elsewhere.
      onPointerLeave={(event) => event.pointerType === "mouse" && !drag.current && setPoint(null)}
      onBlur={() => setPoint(null)}
      onKeyDown={interactive ? onKeyDown : undefined}
      data-testid={testId}
    >
      <canvas ref={canvas} style={{ width, height }} />
      {shown && shown.end > from && shown.start < to && (
        <div
          className="strip-range"
          style={{ left: x(shown.start), width: Math.max(3, x(shown.end) - x(shown.start)) }}
        />
      )}
      {cursor != null && cursor >= from && cursor <= to && <div className="strip-cursor" style={{ left: x(cursor) }} />}
      {said && point !== null && (
        <>
          <div className="strip-point" style={{ left: x(point) }} />
          <div
            className={`strip-said ${said.is}`}
            style={{ left: x(point), transform: `translateX(${-share * 100}%)` }}
            aria-hidden="true"
          >
            <b>{dragging ? `${clock(dragging.start, zone)} – ${clock(dragging.end, zone)}` : said.head}</b>
            {said.lines.map((line) => (
              <span key={line}>{line}</span>
            ))}
          </div>
        </>
      )}
      {interactive && (
        <span id={id} className="hide">
          {shown ? text.strip.chosen(rangeWords(shown.start, shown.end, zone, language)) : ""}
        </span>
      )}
    </div>
  );
}

/** Changes whenever the theme does. */
function useScheme(): string {
  const [scheme, set] = useState(schemeNow);
  useEffect(() => {
    const watch = new MutationObserver(() => set(schemeNow()));
    watch.observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme"] });
    return () => watch.disconnect();
  }, []);
  return scheme;
}

function schemeNow(): string {
  return document.documentElement.getAttribute("data-mantine-color-scheme") ?? "light";
}
