// How long footage is kept: days at least and at most, events, space; and what happens when the disk is short.
import { Radio, TextInput } from "@mantine/core";
import type { RuleField, RuleForm } from "../answer/rule";
import type { ShortChoice } from "../api/types";
import { useText } from "../text";

interface Props {
  form: RuleForm;
  onForm: (form: RuleForm) => void;
  wrong: Partial<Record<RuleField, true>>;
}

export function RuleFields({ form, onForm, wrong }: Props) {
  const text = useText();
  const t = text.addCamera;
  const k = text.keeping.rule;
  const field = (name: RuleField) => ({
    value: form[name],
    inputMode: name === "quota" ? ("decimal" as const) : ("numeric" as const),
    onChange: (event: { currentTarget: { value: string } }) => onForm({ ...form, [name]: event.currentTarget.value }),
  });
  return (
    <>
      <div className="pair top-aligned">
        <TextInput
          {...field("floor")}
          label={t.floor}
          description={t.floorHint}
          error={wrong.floor && t.error.floor}
          data-testid="camera-floor"
        />
        <TextInput
          {...field("ceiling")}
          label={t.ceiling}
          description={t.ceilingHint}
          error={wrong.ceiling && t.error.ceiling}
          data-testid="camera-ceiling"
        />
        <TextInput
          {...field("event_days")}
          label={k.eventDays}
          description={k.eventDaysHint}
          error={wrong.event_days && k.eventDaysBad}
          data-testid="camera-event-days"
        />
        <TextInput
          {...field("quota")}
          label={k.quota}
          description={k.quotaHint}
          error={wrong.quota && k.quotaBad}
          data-testid="camera-quota"
        />
      </div>
      <Radio.Group
        label={k.whenShort}
        value={form.when_short}
        onChange={(value) => onForm({ ...form, when_short: value as ShortChoice })}
      >
        <div className="stacked">
          {(["keep_recording", "keep_floor"] as const).map((way) => (
            <Radio key={way} value={way} label={k.short[way]} />
          ))}
        </div>
      </Radio.Group>
    </>
  );
}
