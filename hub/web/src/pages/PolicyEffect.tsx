// What a retention rule would come to, asked of the hub while it is typed and before it is saved.
import { useEffect, useState } from "react";
import { verdictWords } from "../answer/retention";
import { deletes, type RuleForm, wrongWithRule } from "../answer/rule";
import { Problem } from "../api/client";
import { useRetentionCheck, type Wish } from "../api/keeping";
import { State } from "../parts/State";
import { useLanguage } from "../text";
import { length } from "../time/format";
import { bytes } from "../time/size";

interface Props {
  agent: string;
  /** Null for a camera that is not there yet. */
  camera: string | null;
  form: RuleForm;
  /** Of a camera nobody has measured yet. */
  bits_per_s?: number | null;
  oldest_ms: number | null;
  now: number;
  error: unknown;
}

export function PolicyEffect({ agent, camera, form, bits_per_s = null, oldest_ms, now, error }: Props) {
  const { text, language } = useLanguage();
  const t = text.keeping.check;
  const floor_days = wrongWithRule(form).floor ? null : Number(form.floor);
  const wish = useSettled(floor_days === null ? null : { agent, camera, floor_days, bits_per_s });
  const check = useRetentionCheck(wish);
  const gone = deletes(form, oldest_ms, now);
  const refused = error instanceof Problem && error.missing_bytes !== null ? error.missing_bytes : null;
  // An answer to an older question is no answer.
  const verdict =
    wish?.floor_days === floor_days && wish.bits_per_s === bits_per_s && !check.isPlaceholderData
      ? check.data
      : undefined;
  return (
    <div className="effect" data-testid="policy-effect" data-fits={verdict?.fits}>
      <span className="s mute">{t.title}</span>
      {verdict ? (
        <State level={!verdict.fits ? "bad" : verdict.hours_possible == null ? "unknown" : "good"}>
          {verdictWords(verdict, floor_days ?? 0, text, language)}
        </State>
      ) : (
        <span className="s mute">{check.isError ? text.problem.unreachable : t.checking}</span>
      )}
      {gone > 3_600_000 && <State level="late">{t.deletes(length(gone, language))}</State>}
      {refused !== null && (
        <div className="form-problem" role="alert" data-testid="policy-refused">
          <b>{t.refused(bytes(refused))}</b> {t.refusedNext}
        </div>
      )}
    </div>
  );
}

/** The value once it has not changed for a moment: the hub is not asked at every key. */
function useSettled(value: Wish | null): Wish | null {
  const words = JSON.stringify(value);
  const [settled, setSettled] = useState(words);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(words), 350);
    return () => clearTimeout(timer);
  }, [words]);
  return JSON.parse(settled) as Wish | null;
}
