// Bringing a box to a site: a link that works once, as text and as a code to scan.
import { Link } from "wouter";
import { useFleet, useTokens } from "../api/reads";
import type { Site, Token } from "../api/types";
import { State } from "../parts/State";
import { Failure, Loading } from "../parts/Trouble";
import { useLanguage, useText } from "../text";
import { length, stamp } from "../time/format";
import { useNow, useShownTime } from "../time/shown";
import { MakeToken } from "./MakeToken";

export default function TokensPage() {
  const text = useText();
  const fleet = useFleet();
  const tokens = useTokens();
  if (fleet.isPending) return <Loading rows={2} height={140} />;
  if (!fleet.data) return <Failure error={fleet.error} again={() => fleet.refetch()} />;
  const list = tokens.data?.tokens ?? [];
  return (
    <>
      <h1 data-testid="answer">{text.tokens.answer}</h1>
      <p className="mute sum">{text.tokens.lead}</p>
      <MakeToken sites={fleet.data.sites} tokens={list} />
      <h2>{text.tokens.list}</h2>
      <List tokens={list} sites={fleet.data.sites} />
    </>
  );
}

function List({ tokens, sites }: { tokens: Token[]; sites: Site[] }) {
  const { text, language } = useLanguage();
  const t = text.tokens;
  const now = useNow(1_000);
  const { utc } = useShownTime();
  if (tokens.length === 0) return <p className="mute">{t.none}</p>;
  return (
    <div className="card scroll">
      <table className="table">
        <thead>
          <tr>
            <th>{t.column.site}</th>
            <th>{t.column.state}</th>
            <th>{t.column.made}</th>
          </tr>
        </thead>
        <tbody>
          {tokens.map((token) => {
            const zone = utc ? "UTC" : (sites.find((s) => s.id === token.site)?.time_zone ?? "UTC");
            const over = token.state === "expired" || (token.state === "open" && token.expires_ms <= now);
            return (
              <tr key={token.id}>
                <td>
                  <Link href={`/sites/${token.site}`} className="strong">
                    {token.site_name}
                  </Link>
                </td>
                <td>
                  {token.state === "used" ? (
                    <State level="good">
                      {token.used_ms == null ? t.joined : t.used(stamp(token.used_ms, zone, language))}
                    </State>
                  ) : over ? (
                    <State level="off">{t.ranOut}</State>
                  ) : (
                    <State level="unknown">
                      {t.open} · {t.runsOut(length(token.expires_ms - now, language))}
                    </State>
                  )}
                </td>
                <td data-name={t.column.made} className="mute">
                  {stamp(token.created_ms, zone, language)}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
