// Every request for footage: who asked for what and why, and how far it has come.
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { isDead, isOpen, usePulls } from "../api/reads";
import type { Pull } from "../api/types";
import { Chips } from "../parts/Chips";
import { Progress, PullState } from "../parts/Progress";
import { Empty, Failure, Loading } from "../parts/Trouble";
import { useLanguage, useText } from "../text";
import { range, stamp } from "../time/format";
import { useShownTime } from "../time/shown";
import { bytes } from "../time/size";

export default function RequestsPage() {
  const text = useText();
  const t = text.requests;
  const pulls = usePulls();
  const [filter, setFilter] = useState<"all" | "open" | "failed">("all");
  if (pulls.isPending) {
    return (
      <>
        <h1>{t.title}</h1>
        <Loading rows={6} height={52} />
      </>
    );
  }
  if (!pulls.data) return <Failure error={pulls.error} again={() => pulls.refetch()} />;
  const all = pulls.data.pulls;
  const open = all.filter((p) => isOpen(p.state));
  const failed = all.filter((p) => isDead(p.state));
  if (all.length === 0) {
    return (
      <>
        <h1 data-testid="answer">{t.answerNone}</h1>
        <Empty what={t.answerNone} next={t.emptyNext} />
      </>
    );
  }
  const answer =
    open.length > 0 ? t.answerOpen(open.length) : failed.length > 0 ? t.answerFailed(failed.length) : t.answerDone;
  const list = { all, open, failed }[filter];
  return (
    <>
      <h1 data-testid="answer">{answer}</h1>
      <div className="gap-top">
        <Chips
          value={filter}
          onChange={setFilter}
          options={[
            ["all", text.common.all(all.length)],
            ["open", t.filterOpen(open.length)],
            ["failed", t.filterFailed(failed.length)],
          ]}
        />
      </div>
      <div className="card scroll">
        <table className="table requests">
          <thead>
            <tr>
              <th>{t.column.camera}</th>
              <th>{t.column.range}</th>
              <th>{t.column.reason}</th>
              <th>{t.column.person}</th>
              <th className="state">{t.column.state}</th>
              <th>{t.column.asked}</th>
            </tr>
          </thead>
          <tbody>
            {list.map((pull) => (
              <Row key={pull.id} pull={pull} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Row({ pull }: { pull: Pull }) {
  const { text, language } = useLanguage();
  const t = text.requests.column;
  const { utc } = useShownTime();
  const zone = utc ? "UTC" : pull.time_zone;
  const [, go] = useLocation();
  return (
    <tr className="goes" onClick={() => go(`/requests/${pull.id}`)} data-testid="request-row">
      <td>
        <Link href={`/requests/${pull.id}`} className="strong" onClick={(event) => event.stopPropagation()}>
          {pull.camera_name}
        </Link>
        <div className="s faint nowrap">{pull.site_name}</div>
      </td>
      <td data-name={t.range}>{range(pull.start_ms, pull.end_ms, zone, language)}</td>
      <td data-name={t.reason} className="reason">
        {pull.reason}
      </td>
      <td data-name={t.person} className="nowrap">
        {pull.person_name ?? pull.person}
      </td>
      <td className="state">
        <PullState pull={pull} />
        {isOpen(pull.state) && (
          <>
            <Progress pull={pull} />
            {pull.bytes_total > 0 && (
              <div className="s faint">
                {text.requests.progress(bytes(pull.bytes_received), bytes(pull.bytes_total))}
              </div>
            )}
          </>
        )}
      </td>
      <td data-name={t.asked} className="mute">
        {stamp(pull.created_ms, zone, language)}
      </td>
    </tr>
  );
}
