// A site: its cameras with their last 24 hours, its boxes.
import { Button } from "@mantine/core";
import { Link, useLocation } from "wouter";
import { agentLevel, cameraLevel, isWatching, type Level, needsOf, siteLevel, stripHours } from "../answer/fleet";
import { daysOf } from "../answer/retention";
import { useFleet } from "../api/reads";
import type { Fleet, Site } from "../api/types";
import { CameraTable } from "../parts/CameraTable";
import { Crumbs } from "../parts/Crumbs";
import { State } from "../parts/State";
import { Empty, Failure, Loading } from "../parts/Trouble";
import { useLanguage, useText } from "../text";
import { ago, stamp, zoneLabel } from "../time/format";
import { useNow, useZone } from "../time/shown";
import { bytes } from "../time/size";
import { DayStrip } from "./DayStrip";
import { KeptDays } from "./KeptDays";

export default function SitePage({ id }: { id: string }) {
  const text = useText();
  const fleet = useFleet();
  if (fleet.isPending) return <Loading rows={3} height={80} />;
  if (!fleet.data) return <Failure error={fleet.error} again={() => fleet.refetch()} />;
  const site = fleet.data.sites.find((s) => s.id === id);
  if (!site) return <Empty what={text.problem.notFound} next={text.problem.notFoundNext} />;
  return <Known fleet={fleet.data} site={site} />;
}

function Known({ fleet, site }: { fleet: Fleet; site: Site }) {
  const { text, language } = useLanguage();
  const t = text.site;
  const now = useNow(5_000);
  const zone = useZone(site.time_zone);
  const [, go] = useLocation();
  const level: Level = siteLevel(site, needsOf(fleet, now));
  const due = site.cameras.filter((c) => cameraLevel(c) !== "off");
  const good = due.filter((c) => cameraLevel(c) === "good").length;
  const hours = stripHours(site.cameras, now);
  const first = site.agents.find((a) => a.revoked_ms == null);
  const answer =
    site.cameras.length === 0
      ? t.noCameras
      : due.length === 0
        ? text.fleet.quiet(site.cameras.length)
        : good === due.length && due.some(isWatching)
          ? text.fleet.partRecording(good - due.filter(isWatching).length, due.filter(isWatching).length)
          : good === due.length
            ? t.allRecording(good)
            : t.some(good, due.length);
  return (
    <>
      <Crumbs list={[[t.crumb, "/"]]} />
      <div className="head">
        <h1>{site.name}</h1>
        <span data-testid="answer">
          <State level={level} big>
            {answer}
          </State>
        </span>
        <span className="sp" />
        <div className="row head-acts">
          <Button variant="default" onClick={() => go(`/tokens?site=${site.id}`)}>
            {t.enrol}
          </Button>
          {first && <Button onClick={() => go(`/agents/${first.id}/add-camera`)}>{t.addCamera}</Button>}
        </div>
        <p className="mute sum">
          {t.zone} {site.time_zone} ({zoneLabel(now, site.time_zone)})
        </p>
      </div>
      <h2>{t.cameras}</h2>
      {site.cameras.length === 0 ? (
        <Empty what={t.noCamera} next={t.noCameraNext}>
          {first && <Button onClick={() => go(`/agents/${first.id}/add-camera`)}>{t.addCamera}</Button>}
        </Empty>
      ) : (
        <CameraTable
          cameras={site.cameras}
          agentName={(agent) => site.agents.find((a) => a.id === agent)?.name ?? null}
          now={now}
          hours={hours}
          strip={(camera) => (
            <DayStrip cameras={[camera]} zone={zone} name={camera.name} hours={hours} now={now} height={16} />
          )}
        />
      )}
      {site.cameras.length > 0 && (
        <>
          <h2>{text.keeping.coverage.title}</h2>
          <div className="card pad">
            <KeptDays site={site.id} zone={site.time_zone} now={now} cameras={site.cameras} />
          </div>
        </>
      )}
      <h2>{t.agents}</h2>
      {site.agents.length === 0 ? (
        <Empty what={t.noAgent} next={t.noAgentNext}>
          <Button onClick={() => go(`/tokens?site=${site.id}`)}>{t.enrol}</Button>
        </Empty>
      ) : (
        <div className="card scroll">
          <table className="table">
            <thead>
              <tr>
                <th>{t.column.agent}</th>
                <th>{t.column.state}</th>
                <th>{t.column.seen}</th>
                <th>{t.column.disk}</th>
                <th>{text.keeping.forecast.fact}</th>
                <th>{t.column.version}</th>
              </tr>
            </thead>
            <tbody>
              {site.agents.map((agent) => (
                <tr key={agent.id} data-testid="agent-row">
                  <td>
                    <Link href={`/agents/${agent.id}`} className="strong">
                      {agent.name}
                    </Link>
                  </td>
                  <td>
                    <State level={agentLevel(agent)}>{text.presence[agent.presence]}</State>
                    {agent.faults > 0 && <div className="s warn">{text.keeping.need.fault(agent.faults)}</div>}
                  </td>
                  <td data-name={t.column.seen}>
                    {agent.last_seen_ms == null ? (
                      text.common.never
                    ) : (
                      <span title={stamp(agent.last_seen_ms, zone, language)}>
                        {stamp(agent.last_seen_ms, zone, language)}
                        <span className="faint"> · {ago(agent.last_seen_ms, now, language)}</span>
                      </span>
                    )}
                  </td>
                  <td data-name={t.column.disk}>
                    {agent.disk_free != null && agent.disk_total != null
                      ? t.diskFree(bytes(agent.disk_free), bytes(agent.disk_total))
                      : text.common.unknown}
                  </td>
                  <td data-name={text.keeping.forecast.fact}>
                    {agent.hours_possible == null || agent.floor_hours == null ? (
                      <span className="mute">{text.keeping.forecast.short}</span>
                    ) : (
                      <State level={agent.breach_at_ms == null ? "good" : "bad"}>
                        {text.keeping.need.breach(
                          daysOf(agent.hours_possible, language),
                          daysOf(agent.floor_hours, language),
                        )}
                      </State>
                    )}
                  </td>
                  <td data-name={t.column.version}>{agent.version ?? text.common.unknown}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
