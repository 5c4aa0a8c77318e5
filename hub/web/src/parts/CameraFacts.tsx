// What is true of a camera now, beside its picture.
import { Link } from "wouter";
import type { Answer } from "../answer/camera";
import type { AgentSummary, CameraDetail } from "../api/types";
import { useLanguage } from "../text";
import { length, stamp } from "../time/format";
import { bytes, fps, rate } from "../time/size";
import { Facts } from "./Facts";
import { State } from "./State";

interface Props {
  camera: CameraDetail;
  agent: AgentSummary | null;
  answer: Answer;
  now: number;
  zone: string;
}

const day = 86_400_000;

export function CameraFacts({ camera: c, agent, answer, now, zone }: Props) {
  const { text, language } = useLanguage();
  const t = text.camera.facts;
  const back = c.oldest_ms == null ? null : now - c.oldest_ms;
  const unbroken = c.unbroken_since_ms == null ? null : now - c.unbroken_since_ms;
  const short = c.since_ms == null ? "" : length(now - c.since_ms, language);
  const yes = answer.level === "good" ? t.yes : answer.level === "bad" ? t.no(short) : answer.words;
  const picture = [
    c.width && c.height ? `${c.width} × ${c.height}` : null,
    c.fps_milli ? t.fps(fps(c.fps_milli)) : null,
    c.bitrate_bps ? rate(c.bitrate_bps) : null,
  ].filter(Boolean);
  return (
    <Facts
      list={[
        [
          t.recording,
          <State key="r" level={answer.level}>
            {yes}
          </State>,
        ],
        [
          t.back,
          back === null
            ? text.camera.nothingKept
            : unbroken === null
              ? length(back, language)
              : t.backValue(length(back, language), length(unbroken, language)),
        ],
        [
          t.floor,
          back !== null && back >= c.floor_days * day ? t.floorKept(c.floor_days) : t.floorFilling(c.floor_days),
        ],
        [t.ceiling, c.ceiling_days == null ? text.common.none : t.days(c.ceiling_days)],
        c.bitrate_bps ? [t.forecast, t.forecastValue(bytes((c.bitrate_bps / 8) * 86_400))] : null,
        c.footage_bytes != null && [t.footage, bytes(c.footage_bytes)],
        picture.length > 0 && [t.picture, picture.join(", ")],
        c.codec ? [t.codec, codecName(c.codec)] : null,
        [t.sub, c.has_sub ? t.subYes : text.common.none],
        [t.sound, c.audio ? t.recorded : t.notRecorded],
        c.clock ? [t.clock, text.agent.clockState[c.clock] ?? c.clock] : null,
        [t.committed, c.last_committed_ms == null ? text.common.never : stamp(c.last_committed_ms, zone, language)],
        agent && [
          t.box,
          <Link key="box" href={`/agents/${agent.id}`}>
            {agent.name}
          </Link>,
        ],
        [
          t.address,
          <span key="url" className="mono break">
            {c.url}
          </span>,
        ],
        [
          t.settings,
          c.drift ? (
            <State key="s" level="late">
              {t.notApplied(c.desired_generation, c.reported_generation)}
            </State>
          ) : (
            t.applied
          ),
        ],
      ]}
    />
  );
}

/** `avc1.640028` -> `H.264 (avc1.640028)`. */
export function codecName(codec: string): string {
  const name = codec.startsWith("avc") ? "H.264" : /^h(vc|ev)1/.test(codec) ? "H.265" : null;
  return name ? `${name} (${codec})` : codec;
}
