// What a box proves: its newest checkpoint, the key that checks what it signs, and what was not believed.
import type { Checkpoints } from "../api/types";
import { useLanguage } from "../text";
import { stamp } from "../time/format";
import { State } from "./State";

interface Props {
  agent: string;
  /** Ed25519, SPKI DER in base64. */
  signingKey: string;
  checkpoints: Checkpoints | null;
  zone: string;
}

export function Proofs({ agent, signingKey, checkpoints, zone }: Props) {
  const { text, language } = useLanguage();
  const t = text.keeping.checkpoint;
  const newest = checkpoints?.newest;
  return (
    <div className="card pad" data-testid="proofs">
      <dl className="facts">
        <dt>{t.name}</dt>
        <dd>
          {newest ? (
            <>
              {t.words(newest.number, stamp(newest.issued_ms, zone, language))}
              <div>
                <button
                  type="button"
                  className="link"
                  onClick={() =>
                    save(`checkpoint-${agent.slice(0, 8)}-${newest.number}.json`, JSON.stringify(newest.envelope))
                  }
                >
                  {t.save}
                </button>
              </div>
            </>
          ) : (
            t.none
          )}
        </dd>
        <dt>{t.key}</dt>
        <dd>
          <span className="mono break">{signingKey}</span>
          <div>
            <button
              type="button"
              className="link"
              onClick={() => save(`key-${agent.slice(0, 8)}.pem`, pem(signingKey))}
            >
              {t.saveKey}
            </button>
          </div>
        </dd>
      </dl>
      {checkpoints && checkpoints.refused.length > 0 && (
        <>
          <p className="not-believed">
            <State level="bad">{t.refused(checkpoints.refused.length)}</State>
          </p>
          <ul className="refusals s">
            {checkpoints.refused.map((r) => (
              <li key={`${r.what} ${r.code} ${r.first_ms}`}>
                {t.what[r.what] ?? r.what}: {t.why[r.code] ?? r.code} · {stamp(r.last_ms, zone, language)}
                {r.count > 1 && ` · ${r.count}×`}
                <div className="faint" lang="en">
                  {r.detail}
                </div>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

/** As tools read a public key. */
function pem(spki: string): string {
  return `-----BEGIN PUBLIC KEY-----\n${spki.match(/.{1,64}/g)?.join("\n") ?? ""}\n-----END PUBLIC KEY-----\n`;
}

function save(name: string, content: string) {
  const url = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
