// What is true of a box now, and whether it works by the settings that are wanted.
import { agentLevel } from "../answer/fleet";
import type { AgentDetail } from "../api/types";
import { useLanguage } from "../text";
import { ago, length, stamp } from "../time/format";
import { bytes } from "../time/size";
import { Facts } from "./Facts";
import { State } from "./State";

export function AgentFacts({ agent, now, zone }: { agent: AgentDetail; now: number; zone: string }) {
  const { text, language } = useLanguage();
  const t = text.agent;
  const { summary, outbox, recorder, health } = agent;
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
        health && [t.clock, t.clockState[health.clock] ?? health.clock],
        health && [t.uptime, length(health.uptime_s * 1000, language)],
        health && [t.footage, bytes(health.footage)],
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
