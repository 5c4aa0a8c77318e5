// What is broken, in words, with what to do; what was mended stands behind it.
import { useState } from "react";
import { Link } from "wouter";
import { faultLevel, inOrder, isOpenFault } from "../answer/faults";
import type { FaultView } from "../api/types";
import { useLanguage } from "../text";
import { range, stamp } from "../time/format";
import { State } from "./State";

interface Props {
  faults: readonly FaultView[];
  /** Names a camera, where the page is not the camera's own. */
  cameraName?: (id: string) => string | null;
  zone: string;
}

export function Faults({ faults, cameraName, zone }: Props) {
  const { text } = useLanguage();
  const t = text.keeping.fault;
  const [all, setAll] = useState(false);
  const list = inOrder(faults);
  const open = list.filter(isOpenFault);
  const mended = list.filter((f) => !isOpenFault(f));
  return (
    <div className="card faults" id="faults" data-testid="faults">
      {open.length === 0 && (
        <div className="fault">
          <State level="good">{t.none}</State>
        </div>
      )}
      {(all ? list : open).map((fault) => (
        <Fault key={fault.id} fault={fault} cameraName={cameraName} zone={zone} />
      ))}
      {mended.length > 0 && (
        <button type="button" className="link fault-more" aria-expanded={all} onClick={() => setAll(!all)}>
          {t.mendedShow(mended.length)} {all ? "▴" : "▾"}
        </button>
      )}
    </div>
  );
}

function Fault({ fault, cameraName, zone }: { fault: FaultView; cameraName: Props["cameraName"]; zone: string }) {
  const { text, language } = useLanguage();
  const t = text.keeping.fault;
  const level = faultLevel(fault);
  const camera = fault.camera == null ? null : cameraName?.(fault.camera);
  return (
    <div className="fault">
      <State level={level}>{t.what[fault.fault]}</State>
      <div className="s">
        {fault.camera != null && camera && (
          <>
            <Link href={`/cameras/${fault.camera}`}>{camera}</Link> ·{" "}
          </>
        )}
        <span className="mute">
          {t.since(stamp(fault.opened_ms, zone, language, "minute"))}
          {fault.mended_ms != null && ` · ${t.mended(stamp(fault.mended_ms, zone, language, "minute"))}`}
        </span>
      </div>
      {fault.start_ms != null && fault.end_ms != null && (
        <div className="s mute">{t.about(range(fault.start_ms, fault.end_ms, zone, language))}</div>
      )}
      {fault.mended_ms == null && <p className="s">{t.next[fault.fault]}</p>}
      {fault.detail && (
        <p className="s mute" lang="en">
          {t.said}: {fault.detail}
        </p>
      )}
    </div>
  );
}
