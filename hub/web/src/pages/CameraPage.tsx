// A camera: is it recording now, how far back, where are the holes; then the footage.
import { Button } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { cameraAnswer, mainStream } from "../answer/camera";
import { faultLevel, faultsOf, isOpenFault } from "../answer/faults";
import { choosePicture, type Picture, pictureOf } from "../answer/request";
import { useNewPull } from "../api/changes";
import { useCertificates, useCoverage } from "../api/keeping";
import { useAgent, useCamera, useFleet, usePulls, useSession, useTimeline } from "../api/reads";
import type { CameraDetail, Pull } from "../api/types";
import { CameraFacts } from "../parts/CameraFacts";
import { Certificates } from "../parts/Certificates";
import { Crumbs } from "../parts/Crumbs";
import { DayEvents } from "../parts/DayEvents";
import { DayTold } from "../parts/DayTold";
import { Faults } from "../parts/Faults";
import { Legend } from "../parts/Legend";
import { RequestForm } from "../parts/RequestForm";
import { isTyping } from "../parts/Shell";
import { State } from "../parts/State";
import { Failure, Loading } from "../parts/Trouble";
import { canPlay } from "../player/feed";
import { Axis } from "../strip/Axis";
import { account } from "../strip/account";
import { nextEvent, nextGap, noLane } from "../strip/model";
import { nextActivity, raster } from "../strip/raster";
import { type Range, Strip } from "../strip/Strip";
import { useLanguage } from "../text";
import { date, length, range as rangeWords, zoneLabel } from "../time/format";
import { present, useNow, useZone } from "../time/shown";
import { dayName, dayStart, fromField } from "../time/zone";
import { HoldFootage } from "./HoldFootage";
import { KeptDays, month } from "./KeptDays";
import { Watch } from "./Watch";

export default function CameraPage({ id }: { id: string }) {
  const camera = useCamera(id);
  if (camera.isPending) return <Loading rows={2} height={240} />;
  if (!camera.data) return <Failure error={camera.error} again={() => camera.refetch()} />;
  return <Known camera={camera.data} />;
}

function Known({ camera: detail }: { camera: CameraDetail }) {
  const camera = detail.summary;
  const hasSub = detail.sub_url != null;
  const { text, language } = useLanguage();
  const t = text.camera;
  const now = useNow(1_000);
  const fleet = useFleet();
  const session = useSession();
  const site = fleet.data?.sites.find((s) => s.id === camera.site);
  const agent = site?.agents.find((a) => a.id === camera.agent);
  const zone = useZone(detail.time_zone);

  // The present day is chosen by having chosen none, so that midnight turns the page.
  const [chosenDay, setChosenDay] = useState<number | null>(() => wishedDay(zone));
  const today = dayStart(now, zone);
  const day = chosenDay ?? today;
  const dayEnd = dayStart(day, zone, 1);
  const timeline = useTimeline(camera.id, day, dayEnd, day === today);
  const lane = useMemo(
    () => ({ ...(timeline.data ?? noLane), oldest_ms: camera.oldest_ms }),
    [timeline.data, camera.oldest_ms],
  );
  // A statement is of the site's own day, whatever clock is shown.
  const siteZone = detail.time_zone;
  const siteDay = dayName(day + 43_200_000, siteZone);
  const span = month(now, siteZone);
  const coverage = useCoverage(
    camera.id,
    siteDay < span.from ? siteDay : span.from,
    siteDay < span.from ? siteDay : span.to,
  );
  const box = useAgent(camera.agent);
  const faults = useMemo(() => faultsOf(box.data?.faults ?? [], camera.id), [box.data?.faults, camera.id]);
  const worst = faults.find(isOpenFault);
  const beside = useMemo(
    () => [camera, ...(site?.cameras ?? []).filter((c) => c.id !== camera.id).slice(0, 7)],
    [camera, site?.cameras],
  );
  const pulls = usePulls(camera.id);
  const gone = useCertificates({ camera: camera.id }, 20);

  const [range, setRange] = useState<Range | null>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  // A day chosen from the calendar is shown at its first gap, once it is here.
  const [seeking, setSeeking] = useState(chosenDay !== null);
  useEffect(() => {
    if (!seeking || !timeline.data || timeline.isPlaceholderData) return;
    setSeeking(false);
    const first = nextGap([timeline.data], day - 1_000);
    if (first !== null) setCursor(first);
  }, [seeking, timeline.data, timeline.isPlaceholderData, day]);
  const [asking, setAsking] = useState(false);
  const [holding, setHolding] = useState(false);
  const [, go] = useLocation();
  const [watch, setWatch] = useState<{ pull: string; reason: string } | null>(null);
  const best = choosePicture({ codec: mainStream(detail)?.codec, has_sub: hasSub }, canPlay);
  const [picture, setPicture] = useState<Picture | null>(null);
  const ask = useNewPull(camera.id);

  const pick = (ms: number) => {
    const end = Math.min(ms + 20_000, now);
    setCursor(ms);
    setRange({ start: Math.min(ms - 10_000, end - 10_000), end });
    setAsking(true);
  };
  const choose = (next: Range) => {
    // Whole seconds: that is what the fields can say.
    const start = Math.floor(next.start / 1000) * 1000;
    const end = Math.min(Math.ceil(next.end / 1000) * 1000, Math.floor(now / 1000) * 1000);
    setRange({ start, end: Math.max(start + 1_000, end) });
    setCursor(start);
    setAsking(true);
  };
  const goDay = (start: number) => {
    setChosenDay(start === today ? null : start);
    setRange(null);
    setCursor(null);
    setAsking(false);
  };
  const chooseRecent = () => {
    if (!range) {
      const end = Math.floor(Math.min(now, camera.last_committed_ms ?? now) / 1000) * 1000 - 2_000;
      setRange({ start: end - 30_000, end });
      setCursor(end - 30_000);
      if (end < day || end > dayEnd) goDay(dayStart(end, zone));
    }
  };
  const showDay = (start_ms: number) => {
    goDay(dayStart(start_ms + 43_200_000, zone));
    setSeeking(true);
    document.querySelector(".day-nav")?.scrollIntoView({ block: "nearest" });
  };
  const openForm = () => {
    chooseRecent();
    setAsking(true);
  };

  // G, A and E find the next gap, activity and event wherever the focus is, round the day; J and L move, K chooses.
  const keys = useRef<(key: string) => void>(() => {});
  keys.current = (key) => {
    const find: Record<string, (after: number) => number | null> = {
      g: (after) => nextGap([lane], after),
      e: (after) => nextEvent([lane], after),
      a: (after) => nextActivity(raster([lane], day, dayEnd, 1_440, present()), day, dayEnd, after),
    };
    const at = cursor ?? Math.min(present(), dayEnd);
    const next = find[key]?.(cursor ?? day) ?? find[key]?.(day - 1) ?? null;
    if (next !== null) setCursor(next);
    else if (key === "j") setCursor(Math.max(day, at - 600_000));
    else if (key === "l") setCursor(Math.min(present(), dayEnd, at + 600_000));
    else if (key === "k" && cursor !== null) pick(cursor);
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!isTyping(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey) {
        keys.current(event.key.toLowerCase());
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  const answer = cameraAnswer(camera, agent?.presence ?? null, now, text, language);
  const sum = account(lane, day, dayEnd, now);
  const focus = range ? (range.start + range.end) / 2 : cursor;
  const reach = range ? Math.max(600_000, (range.end - range.start) * 1.5) : 600_000;
  // Until a moment is chosen, today's last hour: what a guard looks for is mostly near.
  const recent = day === today ? Math.min(dayEnd, Math.ceil(now / 60_000) * 60_000) : null;
  const near =
    focus !== null
      ? { from: Math.max(day, focus - reach), to: Math.min(dayEnd, focus + reach) }
      : recent !== null && { from: Math.max(day, recent - 3_600_000), to: recent };
  const pictures: Picture[] = hasSub ? ["original", "sub", "preview"] : ["original", "preview"];
  const notice =
    best === "original"
      ? null
      : `${text.request.cannotPlay} ${best === "sub" ? text.request.cannotPlaySub : text.request.cannotPlayPreview}`;

  return (
    <>
      <Crumbs
        list={[
          [text.site.crumb, "/"],
          ...(site ? [[site.name, `/sites/${site.id}`] as const] : []),
          ...(agent ? [[`${text.agent.crumbBox} ${agent.name}`, `/agents/${agent.id}`] as const] : []),
        ]}
      />
      <div className="head">
        <h1>{camera.name}</h1>
        <span data-testid="answer">
          <State level={answer.level} big>
            {answer.words}
          </State>
        </span>
        <span className="sp" />
        <div className="row head-acts">
          <Button
            variant="default"
            onClick={() => {
              chooseRecent();
              setHolding(true);
            }}
            data-testid="hold-open"
          >
            {t.hold}
          </Button>
          <Button onClick={openForm} data-testid="request-open">
            {t.request}
          </Button>
        </div>
        {worst && (
          <a className="head-fault" href="#faults">
            <State level={faultLevel(worst)}>
              {text.keeping.fault.open(faults.filter(isOpenFault).length)}: {text.keeping.fault.what[worst.fault]}
            </State>
          </a>
        )}
        <p className="mute sum">
          {camera.oldest_ms == null ? t.nothingKept : t.goesBack(length(now - camera.oldest_ms, language))} ·{" "}
          {t.holesToday(sum.gaps, length(sum.missing, language))}
          {sum.unknown > 60_000 &&
            camera.oldest_ms != null &&
            day >= camera.oldest_ms &&
            ` · ${t.unaccounted(length(sum.unknown, language))}`}
        </p>
      </div>
      <div className="two camera">
        <div>
          {watch ? (
            <Watch
              key={watch.pull}
              pull={watch.pull}
              reason={watch.reason}
              person={session.data?.name ?? ""}
              zone={zone}
              hasSub={hasSub}
              onOther={(next, reason) => setWatch({ pull: next.id, reason })}
            />
          ) : (
            <div className="player player-empty small">
              <b>{t.emptyPlayer}</b>
              <p>{t.emptyPlayerNext}</p>
            </div>
          )}
          <div className="row day-nav">
            <button
              type="button"
              className="step"
              onClick={() => goDay(dayStart(day, zone, -1))}
              aria-label={t.previousDay}
            >
              ‹
            </button>
            <b>
              {date(day, zone, language)}
              {day === today && ` · ${text.common.today}`}
            </b>
            <button
              type="button"
              className="step"
              onClick={() => goDay(dayStart(day, zone, 1))}
              disabled={day === today}
              aria-label={t.nextDay}
            >
              ›
            </button>
            <span className="sp" />
            <span className="s mute">{zoneLabel(day, zone)}</span>
          </div>
          <Axis from={day} to={dayEnd} zone={zone} most={5} />
          {timeline.isError && !timeline.data ? (
            <Failure error={timeline.error} again={() => timeline.refetch()} />
          ) : (
            <Strip
              lanes={[lane]}
              from={day}
              to={dayEnd}
              now={now}
              zone={zone}
              label={`${camera.name}, ${date(day, zone, language)}`}
              height={36}
              cursor={cursor}
              range={range}
              onPick={pick}
              onRange={choose}
              testId="day-strip"
            />
          )}
          {near && (
            <>
              <div className="row s mute near-head">
                <span>{focus !== null ? t.minutes : t.lastHour}</span>
                <span className="sp" />
                {range && <span>{rangeWords(range.start, range.end, zone, language)}</span>}
              </div>
              <Axis from={near.from} to={near.to} zone={zone} most={8} />
              <Strip
                lanes={[lane]}
                from={near.from}
                to={near.to}
                now={now}
                zone={zone}
                label={t.minutes}
                height={26}
                cursor={cursor}
                range={range}
                onPick={pick}
                onRange={choose}
                testId="minute-strip"
              />
            </>
          )}
          <Legend lane={lane} />
          {asking && range && (
            <RequestForm
              range={range}
              onRange={(next) => {
                setRange(next);
                setCursor(next.start);
              }}
              lane={lane}
              now={now}
              zone={zone}
              pictures={pictures}
              picture={picture ?? best}
              onPicture={setPicture}
              notice={notice}
              offline={agent != null && agent.presence !== "online"}
              pending={ask.isPending}
              error={ask.error}
              onCancel={() => {
                setAsking(false);
                setRange(null);
              }}
              onSubmit={(reason) =>
                ask.mutate(
                  { start_ms: range.start, end_ms: range.end, reason, ...pictureOf(picture ?? best) },
                  {
                    onSuccess: (pull) => {
                      setWatch({ pull: pull.id, reason });
                      setAsking(false);
                      window.scrollTo({ top: 0 });
                    },
                  },
                )
              }
            />
          )}
          <h2>{text.keeping.coverage.title}</h2>
          <div className="card pad">
            <KeptDays
              site={camera.site}
              zone={siteZone}
              now={now}
              cameras={beside}
              chosen={{ id: camera.id, day: siteDay }}
              onDay={(id, chosen) =>
                id === camera.id ? showDay(chosen.start_ms) : go(`/cameras/${id}?day=${chosen.day}`)
              }
            />
          </div>
          <div className="day-pair">
            <section>
              <h2>{text.keeping.coverage.dayTitle}</h2>
              <DayTold
                camera={camera.id}
                day={coverage.data?.days.find((d) => d.day === siteDay)}
                today={day === today}
              />
            </section>
            <section>
              <h2>{t.today}</h2>
              <DayEvents
                lane={lane}
                pulls={(pulls.data?.pulls ?? []).filter((p) => p.start_ms < dayEnd && p.end_ms > day)}
                from={day}
                to={dayEnd}
                zone={zone}
                onMoment={(start, end) => {
                  setCursor(start);
                  setRange({ start: Math.max(day, start - 5_000), end: Math.min(end + 5_000, now, start + 3_600_000) });
                }}
                onPull={(pull: Pull) => setWatch({ pull: pull.id, reason: pull.reason })}
              />
            </section>
          </div>
          {gone.data && gone.data.certificates.length > 0 && (
            <>
              <h2>{text.keeping.certificates.title}</h2>
              <Certificates list={gone.data.certificates} cameraName={null} zone={zone} />
            </>
          )}
        </div>
        <aside>
          {faults.some(isOpenFault) && (
            <section className="told">
              <h2 className="first">{text.keeping.fault.title}</h2>
              <Faults faults={faults} zone={zone} />
            </section>
          )}
          <div className="card pad">
            <CameraFacts
              camera={detail}
              agent={agent ?? null}
              retention={box.data?.retention ?? null}
              answer={answer}
              now={now}
              zone={zone}
            />
            <Button
              variant="default"
              mt="sm"
              fullWidth
              onClick={() => go(`/cameras/${camera.id}/change`)}
              data-testid="camera-change"
            >
              {t.change}
            </Button>
          </div>
        </aside>
      </div>
      {holding && range && (
        <HoldFootage
          camera={camera.id}
          range={range}
          onRange={setRange}
          zone={zone}
          onClose={() => {
            setHolding(false);
            if (!asking) setRange(null);
          }}
        />
      )}
    </>
  );
}

/** The day an address asks for, `?day=2026-11-24`. */
function wishedDay(zone: string): number | null {
  const wish = new URLSearchParams(window.location.search).get("day");
  return wish === null ? null : fromField(wish, zone);
}
