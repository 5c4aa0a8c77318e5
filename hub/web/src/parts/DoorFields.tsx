// Where a known camera is and how it is entered; what is not typed stays as it is.
import { PasswordInput, TextInput } from "@mantine/core";
import type { DoorForm, WrongWord } from "../answer/newCamera";
import { useText } from "../text";

interface Props {
  form: DoorForm;
  onForm: (form: DoorForm) => void;
  wrong: Partial<Record<keyof DoorForm, WrongWord | "moved">>;
}

export function DoorFields({ form, onForm, wrong }: Props) {
  const text = useText();
  const t = text.addCamera;
  const k = text.keeping.door;
  const field = (name: keyof DoorForm) => {
    const word = wrong[name];
    return {
      value: form[name],
      error: word && (word === "moved" ? k.moved : t.error[word]),
      onChange: (event: { currentTarget: { value: string } }) => onForm({ ...form, [name]: event.currentTarget.value }),
    };
  };
  return (
    <>
      <TextInput {...field("url")} label={t.url} description={t.urlHint} spellCheck={false} data-testid="camera-url" />
      <TextInput {...field("sub_url")} label={t.subUrl} description={t.subUrlHint} spellCheck={false} />
      <div className="pair">
        <TextInput {...field("user")} label={t.user} autoComplete="off" data-testid="camera-user" />
        <PasswordInput
          {...field("password")}
          label={t.password}
          autoComplete="new-password"
          data-testid="camera-password"
        />
      </div>
      <p className="s mute seal-note">{k.hint}</p>
    </>
  );
}
