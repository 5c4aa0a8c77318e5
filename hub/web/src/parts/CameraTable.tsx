// Cameras as a dense table; on a phone each row becomes a card.
import type { ReactNode } from "react";
import { Link } from "wouter";
import { cameraLevel } from "../answer/fleet";
import type { CameraSummary } from "../api/types";
import { useLanguage } from "../text";
import { length } from "../time/format";
import { State } from "./State";

interface Props {
  cameras: readonly CameraSummary[];
  agentName: (id: string) => string | null;
  now: number;
  hours: number;
  strip: (camera: CameraSummary) => ReactNode;
}

export function CameraTable({ cameras, agentName, now, hours, strip }: Props) {
  const { text, language } = useLanguage();
  const c = text.site.column;
  return (
    <div className="card scroll">
      <table className="table">
        <thead>
          <tr>
            <th>{c.camera}</th>
            <th>{c.state}</th>
            <th className="wide">{c.day(hours)}</th>
            <th>{c.back}</th>
            <th>{c.gaps}</th>
          </tr>
        </thead>
        <tbody>
          {cameras.map((camera) => (
            <tr key={camera.id} data-testid="camera-row">
              <td>
                <Link href={`/cameras/${camera.id}`} className="strong">
                  {camera.name}
                </Link>
                <div className="s faint">{agentName(camera.agent)}</div>
              </td>
              <td>
                <State level={cameraLevel(camera)}>{text.state[camera.state]}</State>
              </td>
              <td className="wide">{strip(camera)}</td>
              <td data-name={c.back}>
                {camera.oldest_ms == null ? text.site.backNone : length(now - camera.oldest_ms, language)}
              </td>
              <td data-name={c.gaps}>{text.site.gaps(camera.gaps_today, length(camera.gap_ms_today, language))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
