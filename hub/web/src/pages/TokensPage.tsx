// Bringing a box to a site: a link that works once, as text and as a code to scan.
import { Button, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { Link } from "wouter";
import { useNewSite, useNewToken } from "../api/changes";
import { useFleet, useTokens } from "../api/reads";
import type { NewToken, Site, Token } from "../api/types";
import { Chips } from "../parts/Chips";
import { Copy } from "../parts/Copy";
import { State } from "../parts/State";
import { Failure, FormProblem, Loading } from "../parts/Trouble";
import { useLanguage, useText } from "../text";
import { length, stamp } from "../time/format";
import { useNow, useShownTime } from "../time/shown";
import { isZone } from "../time/zone";

const ttls = { m15: 900, h1: 3600, h8: 28_800, h24: 86_400 } as const;

export default function TokensPage() {
  const text = useText();
  const fleet = useFleet();
  const tokens = useTokens();
  const [made, setMade] = useState<NewToken | null>(null);
  if (fleet.isPending) return <Loading rows={2} height={140} />;
  if (!fleet.data) return <Failure error={fleet.error} again={() => fleet.refetch()} />;
  const list = tokens.data?.tokens ?? [];
  return (
    <>
      <h1 data-testid="answer">{text.tokens.answer}</h1>
      <p className="mute sum">{text.tokens.lead}</p>
      {made ? (
        <Made token={made} known={list.find((t) => t.id === made.id)} onAnother={() => setMade(null)} />
      ) : (
        <Make sites={fleet.data.sites} onMade={setMade} />
      )}
      <h2>{text.tokens.list}</h2>
      <List tokens={list} sites={fleet.data.sites} />
    </>
  );
}

function Make({ sites, onMade }: { sites: Site[]; onMade: (token: NewToken) => void }) {
  const text = useText();
  const t = text.tokens;
  const wished = new URLSearchParams(window.location.search).get("site");
  const [site, setSite] = useState(sites.find((s) => s.id === wished)?.id ?? sites[0]?.id ?? "new");
  const [name, setName] = useState("");
  const [zone, setZone] = useState(() => Intl.DateTimeFormat().resolvedOptions().timeZone);
  const [ttl, setTtl] = useState<keyof typeof ttls>("h1");
  const [tried, setTried] = useState(false);
  const newSite = useNewSite();
  const newToken = useNewToken();
  const fresh = site === "new";
  const ready = !fresh || (name.trim() !== "" && isZone(zone));
  const token = (site_id: string) => newToken.mutate({ site_id, ttl_s: ttls[ttl] }, { onSuccess: onMade });
  return (
    <form
      className="card pad form narrow flush"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (!ready) return;
        if (!fresh) token(site);
        else {
          newSite.mutate(
            { name: name.trim(), time_zone: zone.trim() },
            {
              onSuccess: (made) => {
                setSite(made.id);
                token(made.id);
              },
            },
          );
        }
      }}
    >
      <label className="field">
        <span>{t.site}</span>
        <select value={site} onChange={(event) => setSite(event.currentTarget.value)} data-testid="token-site">
          {sites.map((s) => (
            <option key={s.id} value={s.id}>
              {s.name}
            </option>
          ))}
          <option value="new">{t.newSite}</option>
        </select>
      </label>
      {fresh && (
        <div className="pair top-aligned">
          <TextInput
            label={t.siteName}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={tried && !name.trim() && t.nameNeeded}
            data-testid="token-site-name"
          />
          <TextInput
            label={t.zone}
            value={zone}
            onChange={(event) => setZone(event.currentTarget.value)}
            error={tried && !isZone(zone) && t.zoneBad}
            data-testid="token-zone"
          />
        </div>
      )}
      <div className="field">
        <span>{t.validFor}</span>
        <Chips
          value={ttl}
          onChange={setTtl}
          options={(["m15", "h1", "h8", "h24"] as const).map((k) => [k, t.ttl[k]] as const)}
        />
      </div>
      <FormProblem error={newSite.error ?? newToken.error} />
      <div>
        <Button type="submit" loading={newSite.isPending || newToken.isPending} data-testid="token-submit">
          {t.submit}
        </Button>
      </div>
    </form>
  );
}

function Made({ token, known, onAnother }: { token: NewToken; known: Token | undefined; onAnother: () => void }) {
  const { text, language } = useLanguage();
  const t = text.tokens;
  const now = useNow(1_000);
  const left = token.expires_ms - now;
  const used = known?.state === "used";
  const picture = useBlob(token.qr_svg, "image/svg+xml");
  return (
    <div className="card pad made" data-testid="token-made">
      <div className="qr">
        {picture && !used && left > 0 && <img src={picture} alt={t.scan} width="260" height="260" />}
      </div>
      <div className="made-words">
        {used ? (
          <>
            <State level="good" big>
              {t.joined}
            </State>
            {known.agent && <Link href={`/agents/${known.agent}`}>{text.fleet.open}</Link>}
          </>
        ) : left > 0 ? (
          <State level="unknown" big>
            {t.open} · {t.runsOut(length(left, language))}
          </State>
        ) : (
          <State level="off" big>
            {t.ranOut}
          </State>
        )}
        <p>{t.scan}</p>
        <div className="code">{t.command}</div>
        <p className="s mute">{t.commandHint}</p>
        <div className="code break" data-testid="token-url">
          {token.url}
        </div>
        <div className="row wrap">
          <Copy text={token.url} label={t.copyLink} />
          <Button variant="default" onClick={onAnother}>
            {t.another}
          </Button>
        </div>
        <p className="s mute">{t.once}</p>
      </div>
    </div>
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

/** A document as an address an image can show, given back when it is no longer needed. */
function useBlob(text: string, type: string): string | null {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([text], { type }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [text, type]);
  return url;
}
