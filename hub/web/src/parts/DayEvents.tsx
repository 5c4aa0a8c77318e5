// What happened on a day: gaps with their cause, holds, requests; newest first.
import type { Pull } from "../api/types";
import type { Lane } from "../strip/model";
import { clockWords } from "../strip/words";
import { useLanguage } from "../text";
import { clock, length } from "../time/format";

interface Props {
  lane: Lane;
  pulls: readonly Pull[];
  from: number;
  to: number;
  zone: string;
  onMoment: (start: number, end: number) => void;
  onPull: (pull: Pull) => void;
}

export function DayEvents({ lane, pulls, from, to, zone, onMoment, onPull }: Props) {
  const { text, language } = useLanguage();
  const t = text.camera;
  const when = (a: number, b: number) =>
    b - a < 60_000 ? clock(a, zone) : `${clock(a, zone, "minute")}–${clock(b, zone, "minute")}`;
  const list = [
    ...lane.gaps
      .filter((g) => g.cause !== "schedule")
      .map((g) => ({
        key: `g${g.start_ms}`,
        at: g.start_ms,
        mark: "gap",
        when: clock(g.start_ms, zone),
        what: t.todayGap(length(g.end_ms - g.start_ms, language)),
        why: [text.cause[g.cause], g.detail].filter(Boolean).join(": "),
        act: () => onMoment(g.start_ms, g.end_ms),
      })),
    ...(lane.events ?? []).map((e) => ({
      key: `e${e.start_ms} ${e.trigger}`,
      at: e.start_ms,
      mark: "event",
      when: clock(e.start_ms, zone),
      what: text.strip.event(text.trigger[e.trigger], length(e.end_ms - e.start_ms, language)),
      why: e.detail ?? "",
      act: () => onMoment(e.start_ms, e.end_ms),
    })),
    ...(lane.damage ?? []).map((d) => ({
      key: `d${d.start_ms}`,
      at: d.start_ms,
      mark: "damage",
      when: when(d.start_ms, d.end_ms),
      what: t.legend.damage,
      why: length(d.end_ms - d.start_ms, language),
      act: () => onMoment(d.start_ms, d.end_ms),
    })),
    ...(lane.clock_marks ?? []).map((m) => ({
      key: `c${m.at_ms} ${m.by_ms ?? m.state}`,
      at: m.at_ms,
      mark: "clock",
      when: clock(m.at_ms, zone),
      what: clockWords(m, text, language),
      why: "",
      act: () => onMoment(m.at_ms, m.at_ms + 1_000),
    })),
    ...lane.holds.map((h) => ({
      key: `h${h.id}`,
      at: h.start_ms,
      mark: "held",
      when: when(h.start_ms, h.end_ms),
      what: t.todayHold(h.reason),
      why: "",
      act: () => onMoment(h.start_ms, h.end_ms),
    })),
    ...pulls.map((p) => ({
      key: `p${p.id}`,
      at: p.start_ms,
      mark: "pull",
      when: when(p.start_ms, p.end_ms),
      what: t.todayPull(p.reason),
      why: `${p.person_name ?? p.person} · ${text.requests.state[p.state]}`,
      act: () => onPull(p),
    })),
  ]
    .filter((e) => e.at < to && e.at >= from - 86_400_000)
    .sort((a, b) => b.at - a.at);
  return (
    <div className="card pad s">
      {list.length === 0 && <p className="mute">{t.todayNone}</p>}
      <ul className="events">
        {list.slice(0, 60).map((e) => (
          <li key={e.key}>
            <button type="button" onClick={e.act}>
              <i className={`mark ${e.mark}`} aria-hidden="true" />
              <span>
                <b>{e.when}</b> {e.what}
                {e.why && <span className="mute events-why">{e.why}</span>}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
