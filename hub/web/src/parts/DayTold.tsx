// A day of a camera told in full: what was due, recorded, missing by cause, and the document that proves it.
import { dayAccount } from "../answer/coverage";
import { statementPath } from "../api/keeping";
import type { CoverageDay } from "../api/types";
import { useLanguage } from "../text";
import { length } from "../time/format";
import { Facts } from "./Facts";
import { State } from "./State";

export function DayTold({ camera, day, today }: { camera: string; day: CoverageDay | undefined; today: boolean }) {
  const { text, language } = useLanguage();
  const t = text.keeping.coverage;
  if (!day || day.state === "unknown") {
    return (
      <div className="card pad day-told s" data-testid="day-told">
        <State level="unknown">{t.unknownDay}</State>
      </div>
    );
  }
  const a = dayAccount(day);
  const [recorded, due] = [length(a.recorded, language), length(a.due, language)];
  const level =
    a.look === "idle" ? "off" : a.missing > 2_000 || a.damaged > 0 ? (a.share < 0.99 ? "bad" : "late") : "good";
  return (
    <div className="card pad day-told" data-testid="day-told">
      <State level={level}>
        {a.look === "idle"
          ? t.noExpected
          : recorded === due && a.missing > 2_000
            ? t.missingOf(length(a.missing, language), due)
            : t.ofDue(recorded, due)}
      </State>
      <Facts
        list={[
          a.missing > 0 && [t.missingName, length(a.missing, language)],
          a.gaps.length > 0 && [
            t.byCause,
            <ul key="c">
              {a.gaps.map((g) => (
                <li key={g.cause}>{t.cause(text.cause[g.cause], g.count, length(g.ms, language))}</li>
              ))}
            </ul>,
          ],
          a.damaged > 0 && [t.damagedName, length(a.damaged, language)],
          a.not_due > 2_000 && a.look !== "idle" && [text.cause.schedule, length(a.not_due, language)],
          a.held > 0 && [t.heldName, length(a.held, language)],
          day.floor_kept != null && [
            text.camera.facts.floor,
            <span key="f" className={day.floor_kept ? "" : "wrong"}>
              {day.floor_kept ? t.floorKept : t.floorBroken}
            </span>,
          ],
        ]}
      />
      {day.state === "stated" ? (
        <>
          <p className="s mute">{day.statement_number != null && t.statement(day.statement_number)}</p>
          <div>
            <a
              className="save s"
              href={statementPath(camera, day.day)}
              download={`coverage-${day.day}-${camera.slice(0, 8)}.json`}
              title={t.saveHint}
              data-testid="save-statement"
            >
              {t.save}
            </a>
          </div>
        </>
      ) : (
        <p className="s mute">{today ? t.statementLater : t.statementMissing}</p>
      )}
    </div>
  );
}
