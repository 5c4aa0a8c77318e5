// Changing a camera: its name, how it is recorded, its sound, how long it is kept; with what that comes to, beforehand.
import { Button, Checkbox, TextInput } from "@mantine/core";
import { useState } from "react";
import { useLocation } from "wouter";
import { recordingForm, recordingTerms, wrongWithRecording } from "../answer/recording";
import { changedRule, ruleForm, wrongWithRule } from "../answer/rule";
import { useChangeCamera } from "../api/changes";
import { Problem } from "../api/client";
import { useCamera } from "../api/reads";
import type { CameraDetail } from "../api/types";
import { Crumbs } from "../parts/Crumbs";
import { RecordingFields } from "../parts/RecordingFields";
import { RuleFields } from "../parts/RuleFields";
import { Failure, FormProblem, Loading } from "../parts/Trouble";
import { useText } from "../text";
import { useNow } from "../time/shown";
import { PolicyEffect } from "./PolicyEffect";

export default function ChangeCameraPage({ id }: { id: string }) {
  const camera = useCamera(id);
  if (camera.isPending) return <Loading rows={4} height={80} />;
  if (!camera.data) return <Failure error={camera.error} again={() => camera.refetch()} />;
  return <Known camera={camera.data} />;
}

function Known({ camera }: { camera: CameraDetail }) {
  const { summary } = camera;
  const text = useText();
  const t = text.keeping;
  const [, go] = useLocation();
  const now = useNow(30_000);
  const change = useChangeCamera(summary.id);
  const [name, setName] = useState(summary.name);
  const [recording, setRecording] = useState(() => recordingForm(camera.recording));
  const [rule, setRule] = useState(() => ruleForm(camera));
  const [sound, setSound] = useState(camera.audio_purpose != null);
  const [purpose, setPurpose] = useState(camera.audio_purpose ?? "");
  const [tried, setTried] = useState(false);
  const wrongRecording = wrongWithRecording(recording);
  const wrongRule = wrongWithRule(rule);
  const noPurpose = sound && !purpose.trim();
  const back = `/cameras/${summary.id}`;
  const refused = change.error instanceof Problem && change.error.missing_bytes !== null;
  return (
    <>
      <Crumbs
        list={[
          [text.site.crumb, "/"],
          [camera.site_name, `/sites/${summary.site}`],
          [`${text.agent.crumbBox} ${camera.agent_name}`, `/agents/${summary.agent}`],
          [summary.name, back],
        ]}
      />
      <h1 data-testid="answer">{t.change.title(summary.name)}</h1>
      <p className="mute sum">{t.change.lead}</p>
      <form
        className="card pad form narrow"
        noValidate
        autoComplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (!name.trim() || wrongRecording || Object.keys(wrongRule).length > 0 || noPurpose) return;
          change.mutate(
            {
              name: name.trim(),
              recording: recordingTerms(recording),
              audio_purpose: sound ? purpose.trim() : "",
              ...changedRule(rule),
            },
            { onSuccess: () => go(back) },
          );
        }}
      >
        <section>
          <TextInput
            label={text.addCamera.name}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={!name.trim() && text.addCamera.error.name}
          />
        </section>
        <section>
          <h2>{t.recording.title}</h2>
          <RecordingFields
            form={recording}
            onForm={setRecording}
            zone={camera.time_zone}
            wrong={tried ? wrongRecording : null}
          />
        </section>
        <section>
          <h2>{t.sound.title}</h2>
          <Sound
            on={sound}
            onOn={setSound}
            purpose={purpose}
            onPurpose={setPurpose}
            error={tried && noPurpose ? t.sound.purposeNeeded : null}
          />
        </section>
        <section>
          <h2>{t.rule.title}</h2>
          <RuleFields form={rule} onForm={setRule} wrong={wrongRule} />
          <PolicyEffect
            agent={summary.agent}
            camera={summary.id}
            form={rule}
            oldest_ms={summary.oldest_ms ?? null}
            now={now}
            error={change.error}
          />
        </section>
        {!refused && <FormProblem error={change.error} />}
        <div className="row">
          <Button type="submit" loading={change.isPending} data-testid="change-submit">
            {text.camera.changeSubmit}
          </Button>
          <Button variant="default" onClick={() => go(back)}>
            {text.common.cancel}
          </Button>
        </div>
      </form>
    </>
  );
}

/** Sound only for a purpose (CAP-02). */
export function Sound(props: {
  on: boolean;
  onOn: (on: boolean) => void;
  purpose: string;
  onPurpose: (purpose: string) => void;
  error: string | null;
}) {
  const text = useText();
  const t = text.keeping.sound;
  return (
    <>
      <Checkbox
        label={t.on}
        description={text.addCamera.audioHint}
        checked={props.on}
        onChange={(event) => props.onOn(event.currentTarget.checked)}
        data-testid="sound-on"
      />
      {props.on && (
        <TextInput
          label={t.purpose}
          description={t.purposeHint}
          value={props.purpose}
          onChange={(event) => props.onPurpose(event.currentTarget.value)}
          error={props.error}
          data-testid="sound-purpose"
        />
      )}
    </>
  );
}
