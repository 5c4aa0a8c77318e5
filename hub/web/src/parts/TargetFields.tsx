// What the picture should be: size, frames, bitrate.
import { TextInput } from "@mantine/core";
import type { TargetForm } from "../answer/target";
import { useText } from "../text";

interface Props {
  form: TargetForm;
  onForm: (form: TargetForm) => void;
  wrong: Partial<Record<keyof TargetForm, true>>;
  /** What is measured now, to be taken as it is. */
  now: TargetForm | null;
}

export function TargetFields({ form, onForm, wrong, now }: Props) {
  const text = useText();
  const t = text.keeping.target;
  const field = (name: keyof TargetForm) => ({
    value: form[name],
    label: t[name],
    error: wrong[name] && t.bad,
    inputMode: "decimal" as const,
    onChange: (event: { currentTarget: { value: string } }) => onForm({ ...form, [name]: event.currentTarget.value }),
    "data-testid": `target-${name}`,
  });
  return (
    <>
      <p className="s mute">{t.hint}</p>
      <div className="quad">
        <TextInput {...field("width")} />
        <TextInput {...field("height")} />
        <TextInput {...field("fps")} />
        <TextInput {...field("mbit")} />
      </div>
      {now && (
        <button type="button" className="link left" onClick={() => onForm(now)} data-testid="target-measured">
          {t.measured(`${now.width} × ${now.height}, ${text.camera.facts.fps(now.fps)}, ${now.mbit} Mbit/s`)}
        </button>
      )}
    </>
  );
}
