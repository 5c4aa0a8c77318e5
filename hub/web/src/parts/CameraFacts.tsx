// What is true of a camera now, beside its picture.
import { Link } from "wouter";
import { type Answer, mainStream } from "../answer/camera";
import { isWatching } from "../answer/fleet";
import { recordingWords } from "../answer/recordingWords";
import { forecast } from "../answer/retention";
import { aimWords } from "../answer/target";
import type { AgentSummary, CameraDetail, RetentionView } from "../api/types";
import { useLanguage } from "../text";
import { length, stamp } from "../time/format";
import { bytes, fps, rate } from "../time/size";
import { Facts } from "./Facts";
import { State } from "./State";

interface Props {
  camera: CameraDetail;
  agent: AgentSummary | null;
  retention: RetentionView | null;
  answer: Answer;
  now: number;
  zone: string;
}

const day = 86_400_000;

export function CameraFacts({ camera, agent, retention, answer, now, zone }: Props) {
  const { text, language } = useLanguage();
  const t = text.camera.facts;
  const c = camera.summary;
  const main = mainStream(camera);
  const back = c.oldest_ms == null ? null : now - c.oldest_ms;
  const unbroken = c.unbroken_since_ms == null ? null : now - c.unbroken_since_ms;
  const short = c.since_ms == null ? "" : length(now - c.since_ms, language);
  const yes = isWatching(c)
    ? answer.words
    : answer.level === "good"
      ? t.yes
      : answer.level === "bad"
        ? t.no(short)
        : answer.words;
  const likely = retention ? forecast(retention, zone, text, language) : null;
  const picture = [
    main?.width && main.height ? `${main.width} × ${main.height}` : null,
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
        [text.keeping.recording.fact, recordingWords(camera.recording, text, language)],
        [
          t.back,
          back === null
            ? text.camera.nothingKept
            : unbroken === null
              ? length(back, language)
              : back - unbroken < 5_000
                ? t.backWhole(length(back, language))
                : t.backValue(length(back, language), length(unbroken, language)),
        ],
        [
          t.floor,
          c.floor_days === 0
            ? text.common.none
            : back !== null && back >= c.floor_days * day
              ? t.floorKept(c.floor_days)
              : t.floorFilling(c.floor_days),
        ],
        [t.ceiling, c.ceiling_days == null ? text.common.none : t.days(c.ceiling_days)],
        camera.event_days != null && [text.keeping.rule.events, t.days(camera.event_days)],
        camera.quota_bytes != null && [text.keeping.rule.quotaName, bytes(camera.quota_bytes)],
        likely && [
          text.keeping.forecast.fact,
          <State key="likely" level={likely.level}>
            {likely.words}
          </State>,
        ],
        c.bitrate_bps ? [t.forecast, t.forecastValue(bytes((c.bitrate_bps / 8) * 86_400))] : null,
        main && main.footage > 0 && [t.footage, bytes(main.footage)],
        picture.length > 0 && [t.picture, picture.join(", ")],
        camera.targets.main && [text.keeping.target.name, aimWords(camera.targets.main, t.fps)],
        main?.codec ? [t.codec, codecName(main.codec)] : null,
        [t.sub, camera.sub_url ? t.subYes : text.common.none],
        [t.sound, camera.audio_purpose ? text.keeping.sound.said(camera.audio_purpose) : t.notRecorded],
        [t.committed, c.last_committed_ms == null ? text.common.never : stamp(c.last_committed_ms, zone, language)],
        ...camera.problems.map((p) => [t.problem, text.refusal[p.code] ?? p.message] as const),
        agent && [
          t.box,
          <Link key="box" href={`/agents/${agent.id}`}>
            {agent.name}
          </Link>,
        ],
        [
          t.address,
          <span key="url" className="mono break">
            {camera.url}
          </span>,
        ],
        [
          t.settings,
          camera.drift === "none" ? (
            t.applied
          ) : (
            <State key="s" level={camera.drift === "unknown" ? "unknown" : "late"}>
              {t.drift[camera.drift]}
            </State>
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
