// Plays a view: the picture, the wall time of its frame, and controls for hands that stay on the keyboard.
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Clip, GapCause } from "../api/types";
import { Axis } from "../strip/Axis";
import { account } from "../strip/account";
import { type Lane, nextEvent, nextGap, noLane } from "../strip/model";
import { nextActivity, raster } from "../strip/raster";
import { Strip } from "../strip/Strip";
import { useLanguage } from "../text";
import { length, stamp } from "../time/format";
import { present } from "../time/shown";
import { Feed, type FeedState } from "./feed";
import { arrivedUntil, frameLength } from "./plan";
import "./player.css";

interface Props {
  view: string;
  /** Wall time to begin at. */
  begin: number;
  end: number;
  zone: string;
  /** Whether nothing more will arrive. */
  over: boolean;
  /** Bytes that have arrived: a change wakes the feed. */
  progress: number;
  stream: "main" | "sub";
  /** Who watches and why, over the picture. */
  mark: string;
  /** Gaps and holds of the range, for the strip below. */
  lane: Lane | null;
  /** What to offer when this browser cannot play the codec. */
  otherwise?: ReactNode;
}

const speeds = [1, 2, 4, 8];

export function Player(props: Props) {
  const { view, begin, end, zone, over, progress, stream, mark, lane, otherwise } = props;
  const { text, language } = useLanguage();
  const t = text.player;
  const box = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const feed = useRef<Feed | null>(null);
  const shown = useRef<number[]>([]);
  const [state, setState] = useState<FeedState>({ is: "waiting" });
  const [clip, setClip] = useState<Clip | null>(null);
  const base = useRef(begin);
  const [wall, setWall] = useState(begin);
  const [paused, setPaused] = useState(true);
  const [stalled, setStalled] = useState(false);
  const [muted, setMuted] = useState(true);
  const [speed, setSpeed] = useState(1);
  const [note, setNote] = useState<string | null>(null);
  // A decoder that stumbles is begun anew where it was, once by itself, then by hand.
  const [attempt, setAttempt] = useState(0);
  const at = useRef(begin);
  const gapCause = useRef<(at: number) => GapCause | null>(() => null);
  gapCause.current = (at) => lane?.gaps.find((g) => g.start_ms - 1_500 <= at && at <= g.end_ms + 1_500)?.cause ?? null;
  const words = useRef({ t, language, cause: text.cause });
  words.current = { t, language, cause: text.cause };

  // biome-ignore lint/correctness/useExhaustiveDependencies: one feed per view; `over` and `progress` reach it below
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    setState({ is: "waiting" });
    setClip(null);
    const f = new Feed(element, view, at.current, over, {
      onState: (next) => {
        if (next.is === "failed" && attempt === 0) setAttempt(1);
        else setState(next);
      },
      onClip: (next, zero) => {
        base.current = zero;
        setClip(next);
      },
      onJump: (jump) => {
        const cause = gapCause.current(jump.start_ms);
        const long = length(jump.end_ms - jump.start_ms, words.current.language);
        setNote(cause ? words.current.t.gap(long, words.current.cause[cause]) : words.current.t.gapPlain(long));
      },
    });
    feed.current = f;
    return () => {
      f.close();
      feed.current = null;
    };
  }, [view, attempt]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: progress is the occasion, not a value
  useEffect(() => {
    feed.current?.nudge(over);
  }, [over, progress]);

  useEffect(() => {
    if (!note) return;
    const timer = setTimeout(() => setNote(null), 4_000);
    return () => clearTimeout(timer);
  }, [note]);

  // The wall time shown is that of the frame on the screen, not of the clock that plays it.
  useEffect(() => {
    const element = video.current;
    if (!element || !("requestVideoFrameCallback" in element)) return;
    let handle = 0;
    const onFrame = (_: number, frame: VideoFrameCallbackMetadata) => {
      shown.current = [...shown.current.slice(-20), frame.mediaTime];
      at.current = base.current + frame.mediaTime * 1000;
      setWall(at.current);
      setStalled(false);
      handle = element.requestVideoFrameCallback(onFrame);
    };
    handle = element.requestVideoFrameCallback(onFrame);
    return () => element.cancelVideoFrameCallback(handle);
  }, []);

  const seek = useCallback((wall_ms: number) => {
    const element = video.current;
    if (!element) return;
    element.currentTime = Math.max(0.02, (wall_ms - base.current) / 1000);
    setWall(wall_ms);
  }, []);

  const reverse = useRef<ReturnType<typeof setInterval> | undefined>(undefined);
  const setRate = useCallback((rate: number) => {
    const element = video.current;
    clearInterval(reverse.current);
    reverse.current = undefined;
    if (!element) return;
    setSpeed(rate);
    if (rate > 0) {
      element.playbackRate = rate;
      void element.play().catch(() => {});
      return;
    }
    // No browser plays backwards: steps of a tenth of a second do.
    element.pause();
    reverse.current = setInterval(() => {
      if (!element.seeking) element.currentTime = Math.max(0.02, element.currentTime + rate * 0.1);
    }, 100);
  }, []);
  useEffect(() => () => clearInterval(reverse.current), []);

  const toggle = useCallback(() => {
    const element = video.current;
    if (!element) return;
    if (reverse.current) {
      setRate(1);
      element.pause();
    } else if (element.paused) {
      setRate(1);
    } else element.pause();
  }, [setRate]);

  const frame = useCallback(
    (direction: 1 | -1) => {
      const element = video.current;
      if (!element) return;
      if (reverse.current) setRate(1);
      element.pause();
      const one = frameLength(shown.current);
      const at = shown.current.at(-1) ?? element.currentTime;
      const near = Math.abs(at - element.currentTime) < 1 ? at : element.currentTime;
      // Half a frame beyond the edge lands inside the wanted frame whatever the rounding.
      element.currentTime = Math.max(0.02, direction > 0 ? near + one * 1.5 : near - one * 0.5);
    },
    [setRate],
  );

  const faster = useCallback(() => {
    const next = speed < 1 ? 1 : (speeds[speeds.indexOf(speed) + 1] ?? 8);
    setRate(video.current?.paused && !reverse.current ? 1 : next);
  }, [speed, setRate]);
  const slower = useCallback(() => {
    if (speed > 1) setRate(speeds[speeds.indexOf(speed) - 1] ?? 1);
    else setRate(speed === 1 ? -1 : Math.max(-8, speed * 2));
  }, [speed, setRate]);

  const lanes = useMemo(() => [stripLane(clip, lane)], [clip, lane]);

  const now = present();
  const from = Math.min(begin, clip?.segments[0]?.sent_start_ms ?? begin);
  const to = Math.max(end, clip?.segments.at(-1)?.end_ms ?? end);

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act: Record<string, () => void> = {
      " ": toggle,
      k: toggle,
      l: faster,
      j: slower,
      ArrowRight: () => (event.shiftKey ? seek(wall + 10_000) : frame(1)),
      ArrowLeft: () => (event.shiftKey ? seek(wall - 10_000) : frame(-1)),
      g: () => {
        const next = nextGap(lanes, wall);
        if (next !== null) seek(next - 2_000);
      },
      e: () => {
        const next = nextEvent(lanes, wall);
        if (next !== null) seek(next - 2_000);
      },
      a: () => {
        const next = nextActivity(raster(lanes, from, to, 900, now), from, to, wall);
        if (next !== null) seek(next);
      },
      f: () => void box.current?.requestFullscreen?.(),
      Home: () => seek(begin),
      End: () => seek(end - 1_000),
    };
    const found = act[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!found) return;
    event.preventDefault();
    event.stopPropagation();
    found();
  };

  const derived = clip?.segments.some((s) => s.derived) ?? false;
  const total = clip?.segments.reduce((n, s) => n + s.bytes_total, 0) ?? 0;
  const have = clip?.segments.reduce((n, s) => n + s.bytes_ready, 0) ?? 0;
  const hasSound = clip?.segments.some((s) => s.audio_codec) ?? false;
  const origin = derived ? t.derived : stream === "sub" ? t.sub : t.original;
  const status =
    state.is === "waiting"
      ? t.waiting
      : stalled && !paused
        ? t.stalled
        : !over && total > 0 && have < total
          ? t.arriving(Math.floor((have / total) * 100))
          : null;

  return (
    <section className="player-all" aria-label={t.label} data-testid="player" data-state={state.is}>
      <div ref={box} className="player" onKeyDown={onKeyDown} role="application" aria-label={t.label}>
        <video
          ref={video}
          playsInline
          muted={muted}
          tabIndex={0}
          data-testid="player-video"
          data-base-ms={base.current}
          onClick={toggle}
          onPlay={() => setPaused(false)}
          onPause={() => setPaused(true)}
          onWaiting={() => setStalled(true)}
          onPlaying={() => setStalled(false)}
          onEnded={() => setNote(t.ended)}
        />
        {state.is === "unsupported" && (
          <div className="player-say">
            <b>{t.unsupported}</b>
            {otherwise}
          </div>
        )}
        {state.is === "failed" && (
          <div className="player-say">
            <b>{t.failed}</b>
            <span className="s">{state.error instanceof Error ? state.error.message : ""}</span>
            <button type="button" className="player-again" onClick={() => setAttempt((n) => n + 1)}>
              {text.common.again}
            </button>
          </div>
        )}
        {state.is === "waiting" && (
          <div className="player-say">
            <span className="player-wait" aria-hidden="true" />
            {t.waiting}
          </div>
        )}
        <div className="player-mark s">{mark}</div>
        {note && <div className="player-note">{note}</div>}
        <div className="player-time" data-testid="player-time">
          <b>{stamp(wall, zone, language, "milli")}</b>
          <span>
            {t.siteTime} · {origin}
          </span>
          {status && state.is === "playing" && <span className="player-status">{status}</span>}
        </div>
      </div>
      <div className="player-bar">
        <Key name={t.back} onClick={() => frame(-1)} path="M8 3 3 8l5 5z M11 3v10h2V3z" id="player-back" />
        <Key
          name={paused && speed > 0 ? t.play : t.pause}
          onClick={toggle}
          path={paused && speed > 0 ? "M4 2.5v11l9-5.5z" : "M3.5 3v10h3V3z M9.5 3v10h3V3z"}
          id="player-play"
          main
        />
        <Key name={t.forward} onClick={() => frame(1)} path="m8 3 5 5-5 5z M3 3v10h2V3z" id="player-forward" />
        <Key name={t.slower} onClick={slower} path="M8 3 2 8l6 5zM14 3 8 8l6 5z" />
        <output className="player-speed" aria-label={t.speed(speed)}>
          {t.speed(speed)}
        </output>
        <Key name={t.faster} onClick={faster} path="m8 3 6 5-6 5zM2 3l6 5-6 5z" />
        <span className="sp" />
        <span className="s mute player-amount">{status}</span>
        {hasSound && (
          <button type="button" className="link" onClick={() => setMuted(!muted)} aria-pressed={!muted}>
            {muted ? t.sound : t.mute}
          </button>
        )}
        <Key
          name={t.full}
          onClick={() => void box.current?.requestFullscreen?.()}
          path="M2 6V2h4v2H4v2zM10 2h4v4h-2V4h-2zM2 10h2v2h2v2H2zM12 10h2v4h-4v-2h2z"
        />
      </div>
      <Axis from={from} to={to} zone={zone} most={6} />
      <Strip
        lanes={lanes}
        from={from}
        to={to}
        now={now}
        zone={zone}
        label={t.label}
        height={30}
        cursor={wall}
        range={clip && !clip.complete && have > 0 ? { start: from, end: arrivedUntil(clip) } : null}
        onPick={seek}
        testId="player-strip"
      />
      <p className="s mute player-account">{accountWords()}</p>
    </section>
  );

  function accountWords(): string {
    const a = account(lanes[0] ?? noLane, begin, end, now);
    if (a.gaps > 0) return text.request.gapsInside(a.gaps, length(a.missing, language));
    if (a.kept > 0 && a.unknown === 0) return text.request.allKept(length(end - begin, language));
    return "";
  }
}

/** The strip of a clip: what the hub knows of the range, or else what has been listed for it. */
function stripLane(clip: Clip | null, known: Lane | null): Lane {
  const listed = (clip?.segments ?? []).map((s) => ({
    start_ms: s.sent_start_ms,
    end_ms: s.end_ms,
    bytes: s.bytes_total,
    activity: [],
    clock: null,
  }));
  const spans = known && known.spans.length > 0 ? known.spans : listed;
  return {
    spans,
    gaps: known?.gaps ?? [],
    holds: known?.holds ?? [],
    events: known?.events ?? [],
    damage: known?.damage ?? [],
    clock_marks: known?.clock_marks ?? [],
  };
}

function Key(props: { name: string; onClick: () => void; path: string; id?: string; main?: boolean }) {
  return (
    <button
      type="button"
      className={`player-key${props.main ? " main" : ""}`}
      title={props.name}
      aria-label={props.name}
      onClick={props.onClick}
      data-testid={props.id}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path d={props.path} fill="currentColor" />
      </svg>
    </button>
  );
}
