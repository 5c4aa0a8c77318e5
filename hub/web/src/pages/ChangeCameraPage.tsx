// Changing a camera: its name, how it is recorded, its sound, how long it is kept; with what that comes to, beforehand.
import { Button, Checkbox, TextInput } from "@mantine/core";
import { useState } from "react";
import { useLocation } from "wouter";
import { mainStream } from "../answer/camera";
import { wrongWithDoor } from "../answer/newCamera";
import { recordingForm, recordingTerms, wrongWithRecording } from "../answer/recording";
import { changedRule, ruleForm, wrongWithRule } from "../answer/rule";
import { aimOf, measured, targetForm, wrongWithTarget } from "../answer/target";
import { useChangeCamera } from "../api/changes";
import { Problem } from "../api/client";
import { useAgent, useCamera } from "../api/reads";
import type { CameraDetail, ChangeCamera } from "../api/types";
import { Crumbs } from "../parts/Crumbs";
import { DoorFields } from "../parts/DoorFields";
import { RecordingFields } from "../parts/RecordingFields";
import { RuleFields } from "../parts/RuleFields";
import { TargetFields } from "../parts/TargetFields";
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
  const [target, setTarget] = useState(() => targetForm(camera.targets.main));
  const [door, setDoor] = useState({ url: camera.url, sub_url: camera.sub_url ?? "", user: "", password: "" });
  const [unsealed, setUnsealed] = useState<string | null>(null);
  const [tried, setTried] = useState(false);
  const box = useAgent(summary.agent);
  const wrongTarget = wrongWithTarget(target);
  const wrongDoor = wrongWithDoor(door, camera.url, camera.has_credential);
  const wrongRecording = wrongWithRecording(recording);
  const wrongRule = wrongWithRule(rule);
  const noPurpose = sound && !purpose.trim();
  const back = `/cameras/${summary.id}`;
  const refused = change.error instanceof Problem && change.error.missing_bytes !== null;
  const submit = async () => {
    setUnsealed(null);
    const body: ChangeCamera = {
      name: name.trim(),
      recording: recordingTerms(recording),
      audio_purpose: sound ? purpose.trim() : "",
      targets: { main: aimOf(target), sub: camera.targets.sub ?? null },
      ...changedRule(rule),
    };
    if (door.url.trim() !== camera.url) body.url = door.url.trim();
    if (door.sub_url.trim() !== (camera.sub_url ?? "")) body.sub_url = door.sub_url.trim();
    if (door.password) {
      try {
        if (!box.data) throw new Error("no box");
        const { sealCredential } = await import("../seal/credential");
        Object.assign(body, await sealCredential(box.data, summary.id, door.url, door.user, door.password));
      } catch {
        setUnsealed(text.addCamera.error.seal);
        return;
      }
    }
    change.mutate(body, { onSuccess: () => go(back) });
  };
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
          const wrong = { ...wrongRule, ...wrongTarget, ...wrongDoor };
          if (!name.trim() || wrongRecording || Object.keys(wrong).length > 0 || noPurpose) return;
          void submit();
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
        <section>
          <h2>{t.target.title}</h2>
          <TargetFields form={target} onForm={setTarget} wrong={wrongTarget} now={measured(mainStream(camera))} />
        </section>
        <section>
          <h2>{t.door.title}</h2>
          <DoorFields form={door} onForm={setDoor} wrong={tried ? wrongDoor : {}} />
        </section>
        {unsealed && (
          <div className="form-problem" role="alert">
            {unsealed}
          </div>
        )}
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
