// Feeds a <video> through Media Source Extensions while the footage still arrives.
//
// One loop asks what has come, appends it in order, keeps the buffer within bounds and jumps gaps. `plan.ts` decides;
// this file owns the MediaSource. Everything stops with `close()`.
import { clip as askClip, segmentBytes } from "../api/media";
import type { Clip, ClipSegment } from "../api/types";
import {
  advance,
  baseOf,
  type Cursor,
  exhausted,
  isBuffered,
  isWhole,
  type Jump,
  jumpFrom,
  mimeOf,
  nextChunk,
  offsetOf,
  type Ranges,
  segmentAt,
} from "./plan";

export type FeedState =
  | { is: "waiting" }
  | { is: "playing" }
  | { is: "unsupported"; codec: string }
  | { is: "failed"; error: unknown };

export interface FeedEvents {
  onState: (state: FeedState) => void;
  onClip: (clip: Clip, base: number) => void;
  onJump: (jump: Jump) => void;
}

/** Seconds kept behind and fetched ahead of the picture; browsers give a page some 150 MB for video. */
const behind = 40;
const ahead = 90;

export function canPlay(codec: string | null | undefined): boolean {
  return !codec || (typeof MediaSource !== "undefined" && MediaSource.isTypeSupported(`video/mp4; codecs="${codec}"`));
}

export class Feed {
  private readonly stop = new AbortController();
  private readonly source = new MediaSource();
  private readonly url = URL.createObjectURL(this.source);
  private buffer: SourceBuffer | null = null;
  private clip: Clip | null = null;
  private base = 0;
  private cursor: Cursor = { at: 0, offset: 0 };
  /** The segment whose head went into the buffer last. */
  private open: ClipSegment | null = null;
  private mime = "";
  private started = false;
  private wake: (() => void) | null = null;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly view: string,
    private readonly begin_ms: number,
    /** Whether nothing more will ever arrive. */
    private over: boolean,
    private readonly events: FeedEvents,
  ) {
    video.src = this.url;
    video.addEventListener("seeking", this.onSeeking);
    this.source.addEventListener("sourceopen", () => void this.run(), { once: true });
  }

  close() {
    this.stop.abort();
    this.video.removeEventListener("seeking", this.onSeeking);
    this.wake?.();
    URL.revokeObjectURL(this.url);
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** More has arrived, or nothing more will. */
  nudge(over: boolean) {
    this.over = over;
    this.wake?.();
  }

  private async run() {
    let asked = 0;
    try {
      while (!this.stop.signal.aborted) {
        const full = this.clip !== null && this.over && this.clip.segments.every((s) => s.complete);
        if (!full && Date.now() - asked >= 700) {
          asked = Date.now();
          await this.ask();
        }
        const worked = await this.step();
        this.jump();
        if (!worked) await this.pause(this.video.paused && this.started ? 500 : 250);
      }
    } catch (error) {
      // A picture that cannot be decoded closes the source under our hands: the element knows why, we only feel it.
      const why = this.video.error ? new Error(this.video.error.message || "decode") : error;
      if (!this.stop.signal.aborted) this.events.onState({ is: "failed", error: why });
    }
  }

  private async ask() {
    const clip = await askClip(this.view, this.stop.signal);
    if (!this.started && clip.segments.length === 0) {
      this.events.onState({ is: "waiting" });
      return;
    }
    // The zero of the timeline is chosen once: segments are listed in the manifest, before the first byte.
    if (!this.clip || this.clip.segments.length === 0) this.base = baseOf(clip);
    this.clip = clip;
    this.events.onClip(clip, this.base);
  }

  /** Appends one piece; whether there was anything to do. */
  private async step(): Promise<boolean> {
    const clip = this.clip;
    if (!clip || clip.segments.length === 0) return false;
    const first = clip.segments[0];
    if (!this.buffer && first && !this.make(first)) {
      this.stop.abort();
      return false;
    }
    this.cursor = advance(clip, this.cursor, this.over);
    const ranges = this.ranges();
    const next = clip.segments[this.cursor.at];
    if (next && this.cursor.offset === 0 && next.complete && isWhole(next, this.base, ranges)) {
      this.cursor = { at: this.cursor.at + 1, offset: 0 };
      return true;
    }
    if (exhausted(clip, this.cursor, this.over)) {
      if (this.source.readyState === "open") this.source.endOfStream();
      return false;
    }
    const t = this.video.currentTime;
    const reach = ranges.find(([a, b]) => a - 0.2 <= t && t <= b)?.[1] ?? t;
    if (this.started && reach - t > ahead) return false;
    const chunk = nextChunk(clip, this.cursor);
    if (!chunk) return false;
    const cursor = this.cursor;
    const bytes = await segmentBytes(this.view, chunk.segment.n, chunk.from, chunk.to, this.stop.signal);
    // A seek may have moved the cursor while the bytes came.
    if (cursor !== this.cursor || bytes.length === 0) return true;
    await this.append(chunk.segment, chunk.from, bytes);
    if (cursor === this.cursor) this.cursor = { at: cursor.at, offset: chunk.from + bytes.length };
    this.start(clip);
    return true;
  }

  private make(first: ClipSegment): boolean {
    const mime = mimeOf(first);
    if (!MediaSource.isTypeSupported(mime)) {
      this.events.onState({ is: "unsupported", codec: first.codec });
      return false;
    }
    this.buffer = this.source.addSourceBuffer(mime);
    this.mime = mime;
    return true;
  }

  private async append(segment: ClipSegment, from: number, bytes: Uint8Array<ArrayBuffer>) {
    const buffer = this.buffer;
    if (!buffer) return;
    if (from === 0) {
      // Another file: forget a torn fragment of the last one, then say what this one is and where it lies.
      if (this.open && this.source.readyState === "open") buffer.abort();
      const mime = mimeOf(segment);
      if (mime !== this.mime) {
        buffer.changeType(mime);
        this.mime = mime;
      }
      buffer.timestampOffset = offsetOf(segment, this.base);
      this.open = segment;
    }
    for (;;) {
      try {
        buffer.appendBuffer(bytes);
        break;
      } catch (error) {
        if (!(error instanceof DOMException) || error.name !== "QuotaExceededError") throw error;
        if (!(await this.evict(4))) await this.pause(1_000);
        if (this.stop.signal.aborted) return;
      }
    }
    await settled(buffer);
    const clip = this.clip;
    const end = clip ? (Math.max(clip.end_ms, ...clip.segments.map((s) => s.end_ms)) - this.base) / 1000 : 0;
    if (this.source.readyState === "open" && !buffer.updating && end > 0 && !(this.source.duration >= end)) {
      this.source.duration = end;
    }
    if (this.video.currentTime > behind * 2) await this.evict(behind);
  }

  /** Drops what lies further behind the picture than `keep` seconds. */
  private async evict(keep: number): Promise<boolean> {
    const buffer = this.buffer;
    const first = this.ranges()[0]?.[0];
    const to = this.video.currentTime - keep;
    if (!buffer || first === undefined || to - first < 5 || this.source.readyState !== "open") return false;
    buffer.remove(0, to);
    await settled(buffer);
    return true;
  }

  /** Begins at the moment asked for, as soon as it is there. */
  private start(clip: Clip) {
    if (this.started) return;
    const ranges = this.ranges();
    const first = ranges[0];
    if (!first) return;
    const wanted = (Math.max(this.begin_ms, clip.start_ms) - this.base) / 1000;
    const within = isBuffered(ranges, wanted);
    const reachable = segmentAt(clip, this.begin_ms) <= this.cursor.at && first[1] >= wanted;
    if (!within && !reachable && first[1] < wanted) return;
    this.started = true;
    this.video.currentTime = within ? wanted : first[0] + 0.02;
    this.events.onState({ is: "playing" });
    this.video.play().catch(() => {
      // Autoplay may be forbidden; the picture stands and the play button is there.
    });
  }

  private jump() {
    if (!this.started || !this.clip || this.video.seeking) return;
    if (this.video.readyState >= 3 && !this.video.paused) return;
    if (this.video.paused && this.video.readyState >= 2) return;
    const jump = jumpFrom(this.clip, this.base, this.video.currentTime, this.ranges());
    if (!jump) return;
    this.video.currentTime = jump.to;
    if (jump.end_ms - jump.start_ms > 1_000) this.events.onJump(jump);
  }

  private readonly onSeeking = () => {
    const clip = this.clip;
    if (!clip || !this.started) return;
    const t = this.video.currentTime;
    if (isBuffered(this.ranges(), t)) return;
    const at = segmentAt(clip, this.base + t * 1000);
    const start = ((clip.segments[at]?.sent_start_ms ?? 0) - this.base) / 1000;
    // Being read just now, and not yet past the place: it will come by itself.
    const reach = this.ranges().find(([a]) => a >= start - 0.5)?.[1] ?? start;
    if (at === this.cursor.at && this.cursor.offset > 0 && t >= reach) return;
    this.cursor = { at, offset: 0 };
    this.wake?.();
  };

  private ranges(): Ranges {
    const b = this.buffer?.buffered;
    if (!b) return [];
    return Array.from({ length: b.length }, (_, i) => [b.start(i), b.end(i)] as const);
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      const self = this;
      function done() {
        clearTimeout(timer);
        self.wake = null;
        resolve();
      }
      this.wake = done;
    });
  }
}

function settled(buffer: SourceBuffer): Promise<void> {
  if (!buffer.updating) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const end = () => {
      buffer.removeEventListener("error", fail);
      resolve();
    };
    const fail = () => {
      buffer.removeEventListener("updateend", end);
      reject(new Error("the browser could not read this fragment"));
    };
    buffer.addEventListener("updateend", end, { once: true });
    buffer.addEventListener("error", fail, { once: true });
  });
}
