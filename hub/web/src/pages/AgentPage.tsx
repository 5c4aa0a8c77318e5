// A box: is it there, how is it, does it do what is wanted; and how to cut it off.
import { Button } from "@mantine/core";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { agentAnswer } from "../answer/agent";
import { isRevoked, stripHours } from "../answer/fleet";
import { useCertificates, useCheckpoints } from "../api/keeping";
import { useAgent, useHealth } from "../api/reads";
import type { AgentDetail, HealthPoint } from "../api/types";
import { AgentFacts, Settings } from "../parts/AgentFacts";
import { CameraTable } from "../parts/CameraTable";
import { Certificates } from "../parts/Certificates";
import { Chart } from "../parts/Chart";
import { Chips } from "../parts/Chips";
import { Crumbs } from "../parts/Crumbs";
import { Faults } from "../parts/Faults";
import { Forecast } from "../parts/Forecast";
import { Proofs } from "../parts/Proofs";
import { State } from "../parts/State";
import { Empty, Failure, Loading } from "../parts/Trouble";
import { useLanguage, useText } from "../text";
import { stamp } from "../time/format";
import { useNow, useZone } from "../time/shown";
import { bytes, rate } from "../time/size";
import { DayStrip } from "./DayStrip";
import { KeptDays } from "./KeptDays";
import { Revoke } from "./Revoke";

const spans = { h1: 3_600_000, h6: 21_600_000, h24: 86_400_000, d7: 604_800_000 } as const;
type SpanName = keyof typeof spans;

export default function AgentPage({ id }: { id: string }) {
  const agent = useAgent(id);
  if (agent.isPending) return <Loading rows={3} height={110} />;
  if (!agent.data) return <Failure error={agent.error} again={() => agent.refetch()} />;
  return <Known agent={agent.data} />;
}

function Known({ agent }: { agent: AgentDetail }) {
  const { text, language } = useLanguage();
  const t = text.agent;
  const now = useNow(5_000);
  const zone = useZone(agent.time_zone);
  const [, go] = useLocation();
  const [revoking, setRevoking] = useState(false);
  const { summary } = agent;
  const answer = agentAnswer(agent, now, text, language);
  const revoked = isRevoked(summary);
  const hours = stripHours(agent.cameras, now);
  const gone = useCertificates({ agent: summary.id }, 20);
  const checkpoints = useCheckpoints(summary.id);
  const cameraName = (id: string) => agent.cameras.find((c) => c.id === id)?.name ?? null;
  return (
    <>
      <Crumbs
        list={[
          [text.site.crumb, "/"],
          [agent.site_name, `/sites/${summary.site}`],
        ]}
      />
      <div className="head">
        <h1>{summary.name}</h1>
        <span data-testid="answer">
          <State level={answer.level} big>
            {answer.words}
          </State>
        </span>
        <span className="sp" />
        {!revoked && (
          <div className="row head-acts">
            <Button onClick={() => go(`/agents/${summary.id}/add-camera`)} data-testid="add-camera">
              {t.addCamera}
            </Button>
          </div>
        )}
      </div>
      {revoked && summary.revoked_ms != null && (
        <p className="warn sum">{t.revoked(stamp(summary.revoked_ms, zone, language))}</p>
      )}
      <div className="two">
        <div>
          {(agent.faults ?? []).length > 0 && (
            <>
              <h2 className="first">{text.keeping.fault.title}</h2>
              <Faults faults={agent.faults} cameraName={cameraName} zone={zone} />
            </>
          )}
          <h2 className="first">{text.keeping.forecast.title}</h2>
          <Forecast
            retention={agent.retention ?? null}
            whenShort={agent.when_short ?? null}
            cameras={agent.cameras}
            zone={zone}
          />
          {agent.cameras.length > 0 && (
            <>
              <h2>{text.keeping.coverage.title}</h2>
              <div className="card pad">
                <KeptDays site={summary.site} zone={agent.time_zone} now={now} cameras={agent.cameras} />
              </div>
            </>
          )}
          <h2>{t.cameras}</h2>
          {agent.cameras.length === 0 ? (
            <Empty what={text.site.noCamera} next={text.site.noCameraNext}>
              <Button onClick={() => go(`/agents/${summary.id}/add-camera`)}>{t.addCamera}</Button>
            </Empty>
          ) : (
            <CameraTable
              cameras={agent.cameras}
              agentName={() => null}
              now={now}
              hours={hours}
              strip={(camera) => (
                <DayStrip cameras={[camera]} zone={zone} name={camera.name} hours={hours} now={now} height={16} />
              )}
            />
          )}
          <Health agent={summary.id} zone={zone} now={now} />
          <h2>{text.keeping.certificates.title}</h2>
          <Certificates list={gone.data?.certificates ?? []} cameraName={cameraName} zone={zone} />
        </div>
        <aside>
          <div className="card pad">
            <AgentFacts agent={agent} now={now} zone={zone} />
          </div>
          <h2>{t.settings}</h2>
          <Settings agent={agent} zone={zone} />
          <h2>{text.keeping.checkpoint.title}</h2>
          <Proofs
            agent={summary.id}
            signingKey={agent.signing_key}
            checkpoints={checkpoints.data ?? null}
            zone={zone}
          />
          <h2>{t.certificate}</h2>
          <div className="card pad">
            {agent.certificate ? (
              <dl className="facts">
                <dt>{t.expires}</dt>
                <dd>
                  {stamp(agent.certificate.expires_ms, zone, language)}
                  <div className="s mute">{t.renews}</div>
                </dd>
                <dt>{t.serial}</dt>
                <dd className="mono break">{agent.certificate.serial}</dd>
              </dl>
            ) : (
              <span className="mute">{text.common.none}</span>
            )}
            {!revoked && (
              <Button
                mt="md"
                fullWidth
                variant="default"
                className="danger"
                onClick={() => setRevoking(true)}
                data-testid="revoke-open"
              >
                {t.revoke}
              </Button>
            )}
          </div>
          <p className="s foot-link">
            <Link href="/journal">{t.history}</Link>
          </p>
        </aside>
      </div>
      {revoking && (
        <Revoke
          agent={summary.id}
          name={summary.name}
          cameras={agent.cameras.length}
          onClose={() => setRevoking(false)}
        />
      )}
    </>
  );
}

function Health({ agent, zone, now }: { agent: string; zone: string; now: number }) {
  const text = useText();
  const t = text.agent;
  const [span, setSpan] = useState<SpanName>("h1");
  const to = Math.ceil(now / 30_000) * 30_000;
  const from = to - spans[span];
  const health = useHealth(agent, from, to);
  const samples = health.data?.samples ?? [];
  const line = (value: (s: HealthPoint) => number | null | undefined) =>
    samples.flatMap((s) => {
      const v = value(s);
      return v == null ? [] : [[s.at_ms, v] as const];
    });
  const total = samples.at(-1);
  const common = { from, to, zone };
  return (
    <section>
      <div className="row health-head">
        <h2>{t.health}</h2>
        <span className="sp" />
        <Chips
          value={span}
          onChange={setSpan}
          options={(["h1", "h6", "h24", "d7"] as const).map((name) => [name, t.span[name]] as const)}
        />
      </div>
      {health.isError && !health.data ? (
        <Failure error={health.error} again={() => health.refetch()} />
      ) : health.isPending ? (
        <Loading rows={2} height={120} />
      ) : (
        <div className="charts">
          <Chart
            {...common}
            name={t.chart.cpu}
            hint={t.chart.cpuHint}
            series={[{ points: line((s) => s.cpu_permille / 10) }]}
            format={(v) => `${v.toFixed(v < 10 ? 1 : 0)} %`}
            max={100}
          />
          <Chart
            {...common}
            name={t.chart.memory}
            series={[{ points: line((s) => s.mem_used) }]}
            format={bytes}
            {...(total ? { max: total.mem_total } : {})}
          />
          <Chart
            {...common}
            name={t.chart.disk}
            series={[{ points: line((s) => s.disk_free) }]}
            format={bytes}
            {...(total ? { max: total.disk_total } : {})}
          />
          <Chart
            {...common}
            name={t.chart.temperature}
            series={[{ points: line((s) => (s.temperature_mc == null ? null : s.temperature_mc / 1000)) }]}
            format={(v) => `${v.toFixed(1)} °C`}
            max={100}
          />
          <Chart
            {...common}
            name={t.chart.network}
            series={[
              { name: t.chart.in, points: line((s) => s.rx_bps * 8) },
              { name: t.chart.out, points: line((s) => s.tx_bps * 8) },
            ]}
            format={rate}
          />
          <Chart
            {...common}
            name={t.chart.bitrate}
            hint={t.chart.bitrateHint}
            series={[{ points: line((s) => s.cameras.reduce((n, c) => n + c.bitrate_bps, 0)) }]}
            format={rate}
          />
        </div>
      )}
    </section>
  );
}
