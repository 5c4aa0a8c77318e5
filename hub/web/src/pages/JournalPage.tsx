// The journal: every change and every view, as written. Filtered here, saved as a table.
import { Button, TextInput } from "@mantine/core";
import { Fragment, useMemo, useState } from "react";
import { Link } from "wouter";
import { deed, details, thing } from "../answer/journal";
import { useFleet, useJournal } from "../api/reads";
import type { Fleet, JournalEntry } from "../api/types";
import { State } from "../parts/State";
import { Empty, Failure, Loading } from "../parts/Trouble";
import { useLanguage, useText } from "../text";
import { clock, date } from "../time/format";
import { count } from "../time/size";

export default function JournalPage() {
  const { text, language } = useLanguage();
  const t = text.journal;
  const journal = useJournal();
  const fleet = useFleet();
  const [words, setWords] = useState("");
  const entries = useMemo(() => journal.data?.pages.flatMap((p) => p.entries) ?? [], [journal.data]);
  const size = journal.data?.pages[0]?.size ?? 0;
  const people = useMemo(
    () => new Map(entries.flatMap((e) => (e.actor_id && e.actor_name ? [[e.actor_id, e.actor_name] as const] : []))),
    [entries],
  );
  if (journal.isPending) {
    return (
      <>
        <h1>{t.title}</h1>
        <Loading rows={10} height={34} />
      </>
    );
  }
  if (!journal.data) return <Failure error={journal.error} again={() => journal.refetch()} />;
  if (size === 0) {
    return (
      <>
        <h1 data-testid="answer">{t.answerNone}</h1>
        <Empty what={t.answerNone} next={t.lead} />
      </>
    );
  }
  const wanted = words.trim().toLowerCase();
  const list = wanted ? entries.filter((e) => haystack(e, fleet.data, deed(e, text)).includes(wanted)) : entries;
  return (
    <>
      <h1 data-testid="answer">{t.answer(count(size))}</h1>
      <p className="mute sum">{t.lead}</p>
      <div className="row wrap journal-tools">
        <TextInput
          aria-label={t.filter}
          placeholder={t.filter}
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
        />
        <Button variant="default" onClick={() => save(list)}>
          {text.common.download}
        </Button>
        <span className="sp" />
        <span className="s mute">{t.loaded(entries.length, size)}</span>
      </div>
      {list.length === 0 ? (
        <p className="mute pad-s">{t.nothing}</p>
      ) : (
        <div className="card scroll">
          <table className="table journal">
            <thead>
              <tr>
                <th>{t.column.index}</th>
                <th>{t.column.at}</th>
                <th>{t.column.actor}</th>
                <th>{t.column.action}</th>
                <th>{t.column.object}</th>
                <th>{t.column.outcome}</th>
                <th>{t.column.detail}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((entry) => (
                <tr key={entry.index} data-testid="journal-row">
                  <td className="faint">{entry.index}</td>
                  <td className="nowrap">
                    {date(entry.at_ms, "UTC", language)} {clock(entry.at_ms, "UTC")}
                  </td>
                  <td>{entry.actor_name ?? text.journal.actors[entry.actor] ?? entry.actor}</td>
                  <td title={entry.action} className="nowrap">
                    {deed(entry, text)}
                  </td>
                  <td>
                    <ObjectName entry={entry} fleet={fleet.data} />
                  </td>
                  <td>
                    <State level={entry.outcome === "done" ? "good" : entry.outcome === "refused" ? "late" : "bad"}>
                      {t.outcomes[entry.outcome] ?? entry.outcome}
                    </State>
                  </td>
                  <td className="s mute break">
                    {details(entry, fleet.data, people, text, language).map(([key, value]) => (
                      <Fragment key={key}>
                        <span className="detail">
                          <span className="faint">{key}</span> {value}
                        </span>{" "}
                      </Fragment>
                    ))}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <div className="gap-top">
        {journal.hasNextPage ? (
          <Button variant="default" loading={journal.isFetchingNextPage} onClick={() => journal.fetchNextPage()}>
            {text.common.more}
          </Button>
        ) : (
          <p className="s faint">{t.end}</p>
        )}
      </div>
    </>
  );
}

function ObjectName({ entry, fleet }: { entry: JournalEntry; fleet: Fleet | undefined }) {
  const text = useText();
  const named = thing(fleet, entry.object);
  if (named) return <Link href={named.path}>{named.name}</Link>;
  if (entry.action.startsWith("pull.") && entry.outcome === "done") {
    return (
      <Link href={`/requests/${entry.object}`} className="mono">
        {entry.object.slice(0, 13)}…
      </Link>
    );
  }
  return (
    <span className="mono nowrap" title={entry.object}>
      {entry.object.length > 16 ? `${entry.object.slice(0, 13)}…` : entry.object || text.common.none}
    </span>
  );
}

function haystack(entry: JournalEntry, fleet: Fleet | undefined, words: string): string {
  return [
    entry.actor_name ?? entry.actor,
    entry.action,
    words,
    entry.object,
    thing(fleet, entry.object)?.name ?? "",
    entry.outcome,
    JSON.stringify(entry.detail),
  ]
    .join(" ")
    .toLowerCase();
}

/** The rows shown, for a spreadsheet. A cell that begins like a formula is kept from being one. */
function save(entries: readonly JournalEntry[]) {
  const cell = (value: unknown) => {
    const words = String(value ?? "");
    return `"${(/^[=+\-@]/.test(words) ? `'${words}` : words).replaceAll('"', '""')}"`;
  };
  const rows = entries.map((e) =>
    [
      e.index,
      new Date(e.at_ms).toISOString(),
      e.actor,
      e.actor_id,
      e.actor_name,
      e.action,
      e.object,
      e.outcome,
      JSON.stringify(e.detail),
      e.leaf_hash,
    ]
      .map(cell)
      .join(","),
  );
  const head = "index,at_utc,actor,actor_id,actor_name,action,object,outcome,detail,leaf_hash";
  const url = URL.createObjectURL(new Blob([`\ufeff${[head, ...rows].join("\r\n")}`], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "farwatch-journal.csv";
  link.click();
  URL.revokeObjectURL(url);
}
