// What retention removed: certificates as the box signed them.
import { Button } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import { certificatePath } from "../api/keeping";
import type { CertificateOfDeletion } from "../api/types";
import { useLanguage } from "../text";
import { range, stamp } from "../time/format";
import { bytes } from "../time/size";
import { State } from "./State";

interface Props {
  list: readonly CertificateOfDeletion[];
  /** Names a camera; null where the page is the camera's own. */
  cameraName: ((id: string) => string | null) | null;
  zone: string;
}

const few = 5;

export function Certificates({ list, cameraName, zone }: Props) {
  const { text, language } = useLanguage();
  const t = text.keeping.certificates;
  const [all, setAll] = useState(false);
  if (list.length === 0) return <p className="mute s">{t.none}</p>;
  return (
    <>
      <p className="mute s certificates-lead">{t.lead}</p>
      <div className="card scroll">
        <table className="table certificates" data-testid="certificates">
          <thead>
            <tr>
              <th>{t.column.number}</th>
              <th>{t.column.issued}</th>
              {cameraName && <th>{t.column.camera}</th>}
              <th>{t.column.why}</th>
              <th>{t.column.span}</th>
              <th>{t.column.size}</th>
            </tr>
          </thead>
          <tbody>
            {list.slice(0, all ? list.length : few).map((c) => (
              <tr key={`${c.agent} ${c.number}`}>
                <td className="nowrap">
                  <a
                    href={certificatePath(c.agent, c.number)}
                    download={`deletion-${c.agent.slice(0, 8)}-${c.number}.json`}
                    title={text.keeping.certificates.save}
                  >
                    {text.agent.generation(c.number)}
                  </a>
                </td>
                <td data-name={t.column.issued} className="nowrap">
                  {stamp(c.issued_ms, zone, language, "minute")}
                </td>
                {cameraName && (
                  <td>
                    <Link href={`/cameras/${c.camera}`}>{cameraName(c.camera) ?? c.camera.slice(0, 13)}</Link>
                    {c.stream === "sub" && <span className="s mute"> · {text.camera.facts.sub}</span>}
                  </td>
                )}
                <td>{c.why === "breach" ? <State level="bad">{t.why.breach}</State> : <span>{t.why[c.why]}</span>}</td>
                <td data-name={t.column.span}>
                  {range(c.start_ms, c.end_ms, zone, language)}
                  <div className="mono faint ellipsis digest" title={c.digest}>
                    {c.digest}
                  </div>
                </td>
                <td data-name={t.column.size}>
                  {bytes(c.bytes)} <span className="s mute">· {t.segments(c.segments)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {list.length > few && !all && (
        <Button variant="default" mt="sm" onClick={() => setAll(true)}>
          {text.common.more}
        </Button>
      )}
    </>
  );
}
