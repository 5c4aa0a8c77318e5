// How a camera is recorded: five modes, each with its own terms beside it.
import { Checkbox, Radio, Textarea, TextInput } from "@mantine/core";
import type { RecordingForm, RecordingWrong } from "../answer/recording";
import type { RecordingMode, Trigger } from "../api/types";
import { useLanguage } from "../text";
import { ScheduleEditor } from "./ScheduleEditor";

interface Props {
  form: RecordingForm;
  onForm: (form: RecordingForm) => void;
  zone: string;
  wrong: RecordingWrong | null;
}

const modes: RecordingMode[] = ["continuous", "schedule", "event", "live_only", "off"];
const triggers: Trigger[] = ["activity", "input", "manual"];

export function RecordingFields({ form, onForm, zone, wrong }: Props) {
  const { text } = useLanguage();
  const t = text.keeping.recording;
  const set = (more: Partial<RecordingForm>) => onForm({ ...form, ...more });
  return (
    <Radio.Group
      value={form.mode}
      onChange={(mode) => set({ mode: mode as RecordingMode })}
      aria-label={t.title}
      className="modes"
    >
      {modes.map((mode) => (
        <div key={mode} className={`mode${form.mode === mode ? " on" : ""}`}>
          <Radio value={mode} label={t.mode[mode]} description={t.hint[mode]} data-testid={`mode-${mode}`} />
          {form.mode === mode && mode === "schedule" && (
            <ScheduleEditor
              windows={form.windows}
              onWindows={(windows) => set({ windows })}
              zone={zone}
              wrong={wrong}
            />
          )}
          {form.mode === mode && mode === "event" && (
            <div className="mode-terms">
              <div className="pair top-aligned">
                <TextInput
                  label={t.pre}
                  description={t.preHint}
                  inputMode="numeric"
                  value={form.pre}
                  onChange={(event) => set({ pre: event.currentTarget.value })}
                  error={wrong?.pre && t.preBad}
                  data-testid="event-pre"
                />
                <TextInput
                  label={t.post}
                  description={t.postHint}
                  inputMode="numeric"
                  value={form.post}
                  onChange={(event) => set({ post: event.currentTarget.value })}
                  error={wrong?.post && t.postBad}
                  data-testid="event-post"
                />
              </div>
              <fieldset className="triggers">
                <legend>{t.triggers}</legend>
                {triggers.map((trigger) => (
                  <Checkbox
                    key={trigger}
                    label={text.trigger[trigger]}
                    description={t.triggerHint[trigger]}
                    checked={trigger === "manual" || form.triggers.includes(trigger)}
                    disabled={trigger === "manual"}
                    onChange={(event) =>
                      set({
                        triggers: event.currentTarget.checked
                          ? [...form.triggers, trigger]
                          : form.triggers.filter((other) => other !== trigger),
                      })
                    }
                  />
                ))}
              </fieldset>
            </div>
          )}
          {form.mode === mode && mode === "live_only" && (
            <div className="mode-terms">
              <Textarea
                label={t.reason}
                description={t.reasonHint}
                autosize
                minRows={1}
                maxRows={4}
                value={form.reason}
                onChange={(event) => set({ reason: event.currentTarget.value })}
                error={wrong?.reason && t.reasonNeeded}
                data-testid="live-reason"
              />
            </div>
          )}
          {form.mode === mode && (mode === "off" || mode === "live_only") && (
            <p className="s mute mode-terms">{t.offKeeps}</p>
          )}
        </div>
      ))}
    </Radio.Group>
  );
}
