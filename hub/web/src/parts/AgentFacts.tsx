// What is true of a box now, and whether it works by the settings that are wanted.
import type { ReactNode } from "react";
import { agentLevel } from "../answer/fleet";
import type { AgentDetail, WearView } from "../api/types";
import { useLanguage } from "../text";
import type { Text } from "../text/en";
import { ago, type Language, length, stamp } from "../time/format";
import { bytes } from "../time/size";
import { Facts } from "./Facts";
import { State } from "./State";

interface Props {
  agent: AgentDetail;
  now: number;
  zone: string;
}

export function AgentFacts({ agent, now, zone }: Props) {
  const { text, language } = useLanguage();
  const t = text.agent;
  const k = text.keeping;
  const { summary, outbox, recorder, health } = agent;
  const clock: ReactNode = clockFact(agent, zone, text, language);
  return (
    <Facts
      list={[
        [
          t.presence,
          <State key="p" level={agentLevel(summary)}>
            {text.presence[summary.presence]}
          </State>,
        ],
        [
          t.lastSeen,
          summary.last_seen_ms == null ? (
            text.common.never
          ) : (
            <span key="l">
              {stamp(summary.last_seen_ms, zone, language)}
              <span className="faint"> · {ago(summary.last_seen_ms, now, language)}</span>
            </span>
          ),
        ],
        agent.session != null && [t.session, String(agent.session)],
        [t.versions, summary.version ?? text.common.unknown],
        agent.target ? [t.target, agent.target] : null,
        recorder && [
          t.recorder,
          <State key="r" level={recorder.running ? "good" : "bad"}>
            {recorder.running ? t.running : t.notRunning}
            {recorder.mem != null && ` · ${bytes(recorder.mem)}`}
          </State>,
        ],
        recorder?.sync_bound_ms != null && [t.sync, length(recorder.sync_bound_ms, language)],
        clock !== null && [t.clock, clock],
        health && [t.uptime, length(health.uptime_s * 1000, language)],
        health && [t.footage, bytes(health.footage)],
        agent.wear && [k.wear.name, wearWords(agent.wear, text, language)],
        outbox && [
          t.outbox,
          <span key="o">
            {outbox.waiting === 0 ? t.outboxEmpty : t.outboxWaiting(outbox.waiting, bytes(outbox.bytes))}
            {outbox.dropped > 0 && <span className="warn"> · {t.dropped(outbox.dropped)}</span>}
          </span>,
        ],
      ]}
    />
  );
}

/** How far the clock can be trusted, how exact it is, and its last step. */
function clockFact(agent: AgentDetail, zone: string, text: Text, language: Language) {
  const k = text.keeping.clock;
  const view = agent.clock;
  if (!view) return agent.health ? (text.agent.clockState[agent.health.clock] ?? agent.health.clock) : null;
  const step = view.last_step;
  return (
    <>
      <State level={view.state === "ntp" ? "good" : view.state === "rtc" ? "late" : "unknown"}>
        {text.agent.clockState[view.state] ?? view.state}
      </State>
      {view.state === "ntp" && view.error_us != null && (
        <div className="s mute">{k.error(length(Math.max(1, Math.abs(view.error_us) / 1_000), language))}</div>
      )}
      {step && (
        <div className="s mute">
          {k.step(
            step.by_ms >= 0 ? k.forward(length(step.by_ms, language)) : k.back(length(-step.by_ms, language)),
            stamp(step.at_ms, zone, language),
          )}
        </div>
      )}
    </>
  );
}

function wearWords(wear: WearView, text: Text, language: Language) {
  const k = text.keeping.wear;
  const told = [
    wear.used_percent != null && k.used(wear.used_percent),
    wear.media_errors != null && wear.media_errors > 0 && k.errors(wear.media_errors),
    wear.power_on_hours != null && k.hours(length(wear.power_on_hours * 3_600_000, language)),
    wear.written != null && k.written(bytes(wear.written)),
  ].filter(Boolean);
  return (
    <>
      {wear.failing != null && <State level={wear.failing ? "bad" : "good"}>{wear.failing ? k.failing : k.fine}</State>}
      <div className={wear.failing == null ? "" : "s mute"}>
        {wear.disk}
        {told.length > 0 ? ` · ${told.join(" · ")}` : wear.failing == null ? ` · ${k.silent}` : ""}
      </div>
    </>
  );
}

export function Settings({ agent, zone }: { agent: AgentDetail; zone: string }) {
  const { text, language } = useLanguage();
  const t = text.agent;
  const { desired, reported } = agent;
  const drift = agent.summary.drift;
  const level = drift === "none" ? "good" : drift === "unknown" ? "unknown" : "late";
  return (
    <div className="card pad" data-testid="settings" data-drift={drift}>
      <State level={level}>{drift === "none" ? t.inStep : text.camera.facts.drift[drift]}</State>
      {drift !== "none" && desired && (
        <p className="s mute">{t.driftLong(desired.generation, reported?.generation ?? 0)}</p>
      )}
      <dl className="facts settings">
        <dt>{t.desired}</dt>
        <dd>
          {desired ? t.generation(desired.generation) : text.common.none}
          {desired?.digest && <div className="mono faint ellipsis">{desired.digest}</div>}
        </dd>
        <dt>{t.reported}</dt>
        <dd>
          {reported
            ? `${t.generation(reported.generation)} · ${stamp(reported.at_ms, zone, language)}`
            : text.common.none}
          {reported?.digest && <div className="mono faint ellipsis">{reported.digest}</div>}
        </dd>
      </dl>
      {reported && reported.refusals.length > 0 && (
        <>
          <p className="s mute refusals-head">{t.refusals}</p>
          <ul className="refusals s">
            {reported.refusals.map((r) => (
              <li key={`${r.code} ${r.camera ?? ""} ${r.generation ?? ""}`}>
                {text.refusal[r.code] ?? r.message}
                {r.camera && ` · ${agent.cameras.find((c) => c.id === r.camera)?.name ?? r.camera}`}
                {r.detail && <div className="faint">{r.detail}</div>}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
