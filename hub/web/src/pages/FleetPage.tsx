// The fleet: the answer in words, what needs a person, then every site with its last 24 hours.
import { Button } from "@mantine/core";
import { useEffect, useMemo, useState } from "react";
import { Link, useLocation } from "wouter";
import { cameraLevel, type Level, type Need, needsOf, siteLevel, stripHours, sums } from "../answer/fleet";
import { useFleet, useTokens } from "../api/reads";
import type { Fleet, Site } from "../api/types";
import { Chips } from "../parts/Chips";
import { useNeedWords } from "../parts/NeedRow";
import { isTyping } from "../parts/Shell";
import { Shape } from "../parts/State";
import { Failure, Loading } from "../parts/Trouble";
import { useLanguage, useText } from "../text";
import { length, zoneLabel } from "../time/format";
import { useNow, useZone } from "../time/shown";
import { DayStrip } from "./DayStrip";
import { MakeToken } from "./MakeToken";

export function FleetPage() {
  const fleet = useFleet();
  const text = useText();
  if (fleet.isPending) {
    return (
      <>
        <h1>{text.fleet.title}</h1>
        <Loading rows={4} height={58} />
      </>
    );
  }
  if (!fleet.data) return <Failure error={fleet.error} again={() => fleet.refetch()} />;
  return <Known fleet={fleet.data} />;
}

function Known({ fleet }: { fleet: Fleet }) {
  const { text, language } = useLanguage();
  const now = useNow(5_000);
  const [filter, setFilter] = useState<"all" | "needs" | "late">("all");
  const needs = useMemo(() => needsOf(fleet, now), [fleet, now]);
  const total = sums(fleet);
  const t = text.fleet;

  useNextNeed();

  if (total.agents === 0) return <Bare fleet={fleet} />;

  const answer =
    needs.length > 0
      ? t.needs(needs.length)
      : total.cameras === 0
        ? t.noCameras
        : total.due === 0
          ? t.quiet(total.cameras)
          : total.recording === 0
            ? t.allWatching(total.watching)
            : total.watching > 0
              ? t.partRecording(total.recording, total.watching)
              : t.allRecording(total.recording);
  const rank: Record<Level, number> = { bad: 0, late: 1, unknown: 2, good: 3, off: 4 };
  const sites = fleet.sites
    .map((site) => ({ site, level: siteLevel(site, needs) }))
    .sort((a, b) => rank[a.level] - rank[b.level] || a.site.name.localeCompare(b.site.name));
  const hours = stripHours(
    fleet.sites.flatMap((s) => s.cameras),
    now,
  );
  // A small fleet has room for every camera; a large one for every site.
  const few = total.sites <= 6 && total.cameras <= 48;
  const lists = {
    all: sites,
    needs: sites.filter((s) => s.level === "bad" || s.level === "unknown"),
    late: sites.filter((s) => s.level === "late"),
  };
  return (
    <>
      <h1 data-testid="answer">{answer}</h1>
      <p className="mute sum">
        {t.sites(total.sites)} · {t.agents(total.agents)} · {t.cameras(total.cameras)} ·{" "}
        <b>{t.recording(total.recording)}</b>
        {total.watching > 0 && ` · ${t.watching(total.watching)}`} ·{" "}
        {t.gapsToday(total.gaps, length(total.gap_ms, language))}
        {needs.length > 0 && ` · ${t.else}`}
      </p>
      {needs.length > 0 && (
        <section aria-label={t.needsHead}>
          <ul className="card needs">
            {needs.slice(0, 50).map((need) => (
              <NeedItem key={need.key} need={need} now={now} hours={hours} />
            ))}
          </ul>
        </section>
      )}
      <h2>{t.sitesHead(hours)}</h2>
      <Chips
        value={filter}
        onChange={setFilter}
        options={[
          ["all", t.filterAll(lists.all.length)],
          ["needs", t.filterNeeds(lists.needs.length)],
          ["late", t.filterLate(lists.late.length)],
        ]}
      />
      {lists[filter].length === 0 && <p className="mute pad-s">{t.filterNone}</p>}
      <div className={few ? "wall few" : "wall"}>
        {lists[filter].map(({ site, level }) =>
          few ? (
            <WideCell key={site.id} site={site} level={level} now={now} hours={hours} />
          ) : (
            <Cell key={site.id} site={site} level={level} now={now} hours={hours} />
          ),
        )}
      </div>
    </>
  );
}

/** No box yet: the way to the first one stands right here. */
function Bare({ fleet }: { fleet: Fleet }) {
  const text = useText();
  const tokens = useTokens();
  return (
    <>
      <h1 data-testid="answer">{fleet.sites.length === 0 ? text.fleet.empty : text.site.noAgent}</h1>
      <p className="mute sum">
        {text.tokens.answer}. {text.tokens.lead}
      </p>
      <MakeToken sites={fleet.sites} tokens={tokens.data?.tokens ?? []} />
    </>
  );
}

function NeedItem({ need, now, hours }: { need: Need; now: number; hours: number }) {
  const text = useText();
  const zone = useZone(need.site.time_zone);
  const words = useNeedWords(need, now, zone);
  const [, go] = useLocation();
  const seen = need.camera ? [need.camera] : need.site.cameras.filter((c) => c.agent === need.agent?.id);
  return (
    <li className={`need ${need.level}`}>
      <span className="need-shape">
        <Shape level={need.level} />
      </span>
      <div className="need-who">
        <Link href={words.path} className="plain">
          <b>{words.who}</b>
        </Link>
        <div className="mute">{words.what}</div>
      </div>
      <div className="need-why mute s">{words.why}</div>
      <div className="need-strip">
        {seen.length > 0 && (
          <DayStrip cameras={seen} zone={zone} name={words.who} hours={hours} now={now} height={14} />
        )}
      </div>
      <div className="need-cost s">{words.cost}</div>
      <Button className="need-open" variant="default" data-need onClick={() => go(words.path)}>
        {text.fleet.open}
      </Button>
    </li>
  );
}

interface CellProps {
  site: Site;
  level: Level;
  now: number;
  hours: number;
}

function Cell({ site, level, now, hours }: CellProps) {
  const text = useText();
  const zone = useZone(site.time_zone);
  return (
    <Link href={`/sites/${site.id}`} className={`cell ${level}`} data-testid="site-cell">
      <span className="cell-name">
        {(level === "bad" || level === "late" || level === "unknown") && <Shape level={level} />}
        <span className="ellipsis">{site.name}</span>
      </span>
      <span className="s faint">{text.fleet.cams(site.cameras.length)}</span>
      <DayStrip cameras={site.cameras} zone={zone} name={site.name} hours={hours} now={now} height={10} />
    </Link>
  );
}

function WideCell({ site, level, now, hours }: CellProps) {
  const text = useText();
  const zone = useZone(site.time_zone);
  return (
    <section className={`cell wide-cell ${level}`}>
      <Link href={`/sites/${site.id}`} className="cell-name plain" data-testid="site-cell">
        {(level === "bad" || level === "late" || level === "unknown") && <Shape level={level} />}
        <b className="ellipsis">{site.name}</b>
        <span className="sp" />
        <span className="s faint">
          {text.fleet.cams(site.cameras.length)} · {zoneLabel(now, zone)}
        </span>
      </Link>
      {site.cameras.length > 0 && (
        <ul className="cell-cameras">
          {site.cameras.map((camera) => (
            <li key={camera.id}>
              <Link href={`/cameras/${camera.id}`} className="plain cell-camera">
                <Shape level={cameraLevel(camera)} />
                <span className="ellipsis">{camera.name}</span>
                <span className="hide">{text.state[camera.state]}</span>
                <DayStrip cameras={[camera]} zone={zone} name={camera.name} hours={hours} now={now} height={16} />
                {cameraLevel(camera) !== "good" && (
                  <span className="s mute cell-state">{text.state[camera.state]}</span>
                )}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** `n` steps through what needs a person. */
function useNextNeed() {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "n" || isTyping(event.target) || event.ctrlKey || event.metaKey) return;
      const all = Array.from(document.querySelectorAll<HTMLElement>("[data-need]"));
      const at = all.indexOf(document.activeElement as HTMLElement);
      all[(at + 1) % all.length]?.focus();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
