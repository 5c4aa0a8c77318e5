// One request: who asked for what and why, how far it has come, and the footage itself.
import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { rangeAccount } from "../answer/request";
import { isDead, isOpen, useCamera, useFleet, usePull, useSession, useTimeline } from "../api/reads";
import type { Pull } from "../api/types";
import { Crumbs } from "../parts/Crumbs";
import { Facts } from "../parts/Facts";
import { Progress, PullState } from "../parts/Progress";
import { Failure, Loading } from "../parts/Trouble";
import { Axis } from "../strip/Axis";
import { Strip } from "../strip/Strip";
import { useLanguage } from "../text";
import { length, range, stamp } from "../time/format";
import { useNow, useZone } from "../time/shown";
import { bytes } from "../time/size";
import { Watch } from "./Watch";

export default function RequestPage({ id }: { id: string }) {
  const pull = usePull(id);
  if (pull.isPending) return <Loading rows={2} height={160} />;
  if (!pull.data) return <Failure error={pull.error} again={() => pull.refetch()} />;
  return <Known pull={pull.data} />;
}

function Known({ pull }: { pull: Pull }) {
  const { text, language } = useLanguage();
  const t = text.pull;
  const fleet = useFleet();
  const session = useSession();
  const [, go] = useLocation();
  const site = fleet.data?.sites.find((s) => s.cameras.some((c) => c.id === pull.camera));
  const detail = useCamera(pull.camera);
  const camera = site?.cameras.find((c) => c.id === pull.camera);
  const zone = useZone(pull.time_zone);
  const [reason, setReason] = useState(pull.reason);
  const [watching, setWatching] = useState<string | null>(null);
  const person = pull.person_name ?? pull.person;
  const dead = isDead(pull.state);
  const now = useNow(30_000);
  const known = useTimeline(pull.camera, pull.start_ms, pull.end_ms, false, pull.stream === "sub" ? "sub" : "main");
  return (
    <>
      <Crumbs list={[[t.crumb, "/requests"]]} />
      <div className="head">
        <h1 data-testid="answer">{t.title(person, length(pull.end_ms - pull.start_ms, language), pull.camera_name)}</h1>
        <PullState pull={pull} />
      </div>
      <div className="two">
        <div>
          {watching !== null ? (
            <Watch
              pull={pull.id}
              reason={watching}
              person={session.data?.name ?? ""}
              zone={zone}
              hasSub={detail.data?.sub_url != null}
              onOther={(next) => go(`/requests/${next.id}`)}
            />
          ) : dead && pull.bytes_received === 0 ? (
            <div className="player player-empty">
              <b>
                {text.requests.state[pull.state]}
                {pull.refusal ? `: ${text.refusal[pull.refusal.code] ?? pull.refusal.message}` : ""}
              </b>
              <p>{t.failedNext}</p>
              {camera && (
                <Link href={`/cameras/${camera.id}`} className="on-dark">
                  {camera.name}
                </Link>
              )}
            </div>
          ) : (
            <form
              className="card pad form view-form"
              onSubmit={(event) => {
                event.preventDefault();
                if (reason.trim()) setWatching(reason.trim());
              }}
            >
              <b>{t.openTitle}</b>
              {known.data && (
                <div>
                  <Axis from={pull.start_ms} to={pull.end_ms} zone={zone} most={5} />
                  <Strip
                    lanes={[known.data]}
                    from={pull.start_ms}
                    to={pull.end_ms}
                    now={now}
                    zone={zone}
                    label={text.player.label}
                    height={26}
                  />
                  <p className="s mute kept-words">
                    {rangeAccount(known.data, pull.start_ms, pull.end_ms, now, text, language)}
                  </p>
                </div>
              )}
              <p className="mute">{t.openLead}</p>
              <TextInput
                label={t.openReason}
                value={reason}
                onChange={(event) => setReason(event.currentTarget.value)}
                error={reason.trim() ? null : text.request.reasonNeeded}
                data-testid="view-reason"
              />
              <div>
                <Button type="submit" data-testid="view-submit">
                  {t.openSubmit}
                </Button>
              </div>
            </form>
          )}
        </div>
        <aside>
          <div className="card pad">
            <Facts
              list={[
                [t.when, range(pull.start_ms, pull.end_ms, zone, language)],
                [
                  t.where,
                  camera && site ? (
                    <span key="where">
                      <Link href={`/sites/${site.id}`}>{site.name}</Link> ·{" "}
                      <Link href={`/cameras/${camera.id}`}>{camera.name}</Link>
                    </span>
                  ) : (
                    pull.camera
                  ),
                ],
                [t.why, pull.reason],
                [t.who, person],
                [
                  t.picture,
                  text.request[pull.rendition === "preview" ? "preview" : pull.stream === "sub" ? "sub" : "original"],
                ],
                [t.asked, stamp(pull.created_ms, zone, language)],
                [
                  t.arrived,
                  pull.bytes_total > 0
                    ? `${pull.bytes_received === pull.bytes_total ? text.requests.complete(bytes(pull.bytes_total)) : text.requests.progress(bytes(pull.bytes_received), bytes(pull.bytes_total))} · ${t.segments(pull.segments)}`
                    : text.common.none,
                ],
                pull.sealed_ms != null && [t.sealed, stamp(pull.sealed_ms, zone, language)],
              ]}
            />
            {isOpen(pull.state) && <Progress pull={pull} />}
          </div>
          <h2>{t.what}</h2>
          <div className="card pad s">
            <p>{pull.state === "sealed" ? t.checkedAll : t.checkedSome}</p>
            {pull.rendition === "preview" && <p className="warn">{t.derived}</p>}
            <p className="faint mono break">
              {t.id} {pull.id}
            </p>
          </div>
        </aside>
      </div>
    </>
  );
}
