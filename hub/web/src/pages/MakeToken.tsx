// An enrolment link: made for a site, then shown as text and as a code to scan, until a box has used it.
import { Button, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { Link } from "wouter";
import { useNewSite, useNewToken } from "../api/changes";
import type { NewToken, Site, Token } from "../api/types";
import { Chips } from "../parts/Chips";
import { Copy } from "../parts/Copy";
import { State } from "../parts/State";
import { FormProblem } from "../parts/Trouble";
import { useLanguage, useText } from "../text";
import { length } from "../time/format";
import { useNow } from "../time/shown";
import { isZone } from "../time/zone";

const ttls = { m15: 900, h1: 3600, h8: 28_800, h24: 86_400 } as const;

export function MakeToken({ sites, tokens }: { sites: Site[]; tokens: readonly Token[] }) {
  const [made, setMade] = useState<NewToken | null>(null);
  return made ? (
    <Made token={made} known={tokens.find((t) => t.id === made.id)} onAnother={() => setMade(null)} />
  ) : (
    <Make sites={sites} onMade={setMade} />
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
