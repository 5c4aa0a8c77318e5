// A new camera for a box. Its password is sealed here, in the browser; the hub stores what only the box can open.
import { Button, PasswordInput, Radio, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useLocation } from "wouter";
import { type CameraForm, type Field, wrongWithCamera } from "../answer/newCamera";
import { recordingTerms, usualRecording, wrongWithRecording } from "../answer/recording";
import { newRule, usualRule, wrongWithRule } from "../answer/rule";
import { aimOf, noTarget, wrongWithTarget } from "../answer/target";
import { useNewCamera } from "../api/changes";
import { Problem } from "../api/client";
import { useAgent } from "../api/reads";
import type { AddCamera, AgentDetail } from "../api/types";
import { Crumbs } from "../parts/Crumbs";
import { RecordingFields } from "../parts/RecordingFields";
import { RuleFields } from "../parts/RuleFields";
import { TargetFields } from "../parts/TargetFields";
import { Failure, FormProblem, Loading } from "../parts/Trouble";
import { useText } from "../text";
import { present } from "../time/shown";
import { Sound } from "./ChangeCameraPage";
import { PolicyEffect } from "./PolicyEffect";

export default function AddCameraPage({ agent: id }: { agent: string }) {
  const agent = useAgent(id);
  if (agent.isPending) return <Loading rows={4} height={60} />;
  if (!agent.data) return <Failure error={agent.error} again={() => agent.refetch()} />;
  return <Known agent={agent.data} />;
}

const empty: CameraForm = { name: "", url: "", sub_url: "", user: "", password: "" };

function Known({ agent }: { agent: AgentDetail }) {
  const text = useText();
  const t = text.addCamera;
  const [, go] = useLocation();
  const { id, name } = agent.summary;
  const add = useNewCamera(id);
  const [form, setForm] = useState(empty);
  const [source, setSource] = useState<"auto" | "rtsp" | "gst">("auto");
  const [recording, setRecording] = useState(usualRecording);
  const [rule, setRule] = useState(usualRule);
  const [target, setTarget] = useState(noTarget);
  const [sound, setSound] = useState(false);
  const [purpose, setPurpose] = useState("");
  const [ca, setCa] = useState("");
  const [more, setMore] = useState(false);
  const [tried, setTried] = useState(false);
  const [sealing, setSealing] = useState(false);
  const [unsealed, setUnsealed] = useState<string | null>(null);
  const wrong = wrongWithCamera(form);
  const wrongRecording = wrongWithRecording(recording);
  const wrongRule = wrongWithRule(rule);
  const wrongTarget = wrongWithTarget(target);
  const noPurpose = sound && !purpose.trim();
  const set = (field: keyof CameraForm) => (event: { currentTarget: { value: string } }) => {
    const value = event.currentTarget.value;
    setForm((known) => ({ ...known, [field]: value }));
  };
  // A secret pasted into an address is said at once; the rest waits for the button.
  const error = (field: Field) => {
    const word = wrong[field];
    return word && (tried || word === "secret") ? t.error[word] : null;
  };
  const secret = form.user.trim() !== "" || form.password !== "";

  const submit = async () => {
    setTried(true);
    setUnsealed(null);
    if (
      Object.keys(wrong).length > 0 ||
      wrongRecording ||
      Object.keys({ ...wrongRule, ...wrongTarget }).length > 0 ||
      noPurpose
    )
      return;
    const body: AddCamera = {
      name: form.name.trim(),
      url: form.url.trim(),
      sub_url: form.sub_url.trim() || null,
      source,
      recording: recordingTerms(recording),
      audio_purpose: sound ? purpose.trim() : null,
      ...newRule(rule),
      targets: { main: aimOf(target) },
      ca_pem: ca.trim() || null,
    };
    if (secret) {
      if (!agent.sealing_key) {
        setUnsealed(t.error.noKey);
        return;
      }
      setSealing(true);
      try {
        const [{ uuid7 }, { sealCredential }] = await Promise.all([
          import("../seal/seal"),
          import("../seal/credential"),
        ]);
        body.id = uuid7(present());
        Object.assign(body, await sealCredential(agent, body.id, form.url, form.user, form.password));
      } catch {
        setUnsealed(t.error.seal);
        return;
      } finally {
        setSealing(false);
      }
    }
    add.mutate(body, { onSuccess: (camera) => go(`/cameras/${camera.summary.id}`) });
  };

  return (
    <>
      <Crumbs
        list={[
          [text.site.crumb, "/"],
          [agent.site_name, `/sites/${agent.summary.site}`],
          [`${text.agent.crumbBox} ${name}`, `/agents/${id}`],
        ]}
      />
      <h1 data-testid="answer">{t.title(name)}</h1>
      <p className="mute sum">{t.lead}</p>
      <form
        className="card pad form narrow"
        noValidate
        autoComplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <section>
          <TextInput
            label={t.name}
            description={t.nameHint}
            value={form.name}
            onChange={set("name")}
            error={error("name")}
            autoFocus
            data-testid="camera-name"
          />
          <TextInput
            label={t.url}
            description={t.urlHint}
            value={form.url}
            onChange={set("url")}
            error={error("url")}
            inputMode="url"
            spellCheck={false}
            data-testid="camera-url"
          />
          <div className="pair">
            <TextInput
              label={t.user}
              value={form.user}
              onChange={set("user")}
              error={error("user")}
              autoComplete="off"
              data-testid="camera-user"
            />
            <PasswordInput
              label={t.password}
              value={form.password}
              onChange={set("password")}
              autoComplete="new-password"
              data-testid="camera-password"
            />
          </div>
          <p className="s mute seal-note">{t.passwordHint}</p>
        </section>
        <section>
          <h2>{text.keeping.recording.title}</h2>
          <RecordingFields
            form={recording}
            onForm={setRecording}
            zone={agent.time_zone}
            wrong={tried ? wrongRecording : null}
          />
        </section>
        <section>
          <h2>{text.keeping.sound.title}</h2>
          <Sound
            on={sound}
            onOn={setSound}
            purpose={purpose}
            onPurpose={setPurpose}
            error={tried && noPurpose ? text.keeping.sound.purposeNeeded : null}
          />
        </section>
        <section>
          <h2>{text.keeping.rule.title}</h2>
          <RuleFields form={rule} onForm={setRule} wrong={wrongRule} />
          <PolicyEffect
            agent={id}
            camera={null}
            form={rule}
            bits_per_s={Object.keys(wrongTarget).length > 0 ? null : (aimOf(target)?.bits_per_s ?? null)}
            oldest_ms={null}
            now={present()}
            error={add.error}
          />
        </section>
        <button
          type="button"
          className="link left"
          aria-expanded={more}
          onClick={() => setMore(!more)}
          data-testid="camera-more"
        >
          {t.more} {more ? "▴" : "▾"}
        </button>
        {more && (
          <>
            <TextInput
              label={t.subUrl}
              description={t.subUrlHint}
              value={form.sub_url}
              onChange={set("sub_url")}
              error={error("sub_url")}
              spellCheck={false}
              data-testid="camera-sub-url"
            />
            <b>{text.keeping.target.title}</b>
            <TargetFields form={target} onForm={setTarget} wrong={wrongTarget} now={null} />
            <Radio.Group label={t.source} value={source} onChange={(value) => setSource(value as typeof source)}>
              <div className="radios">
                {(["auto", "rtsp", "gst"] as const).map((way) => (
                  <Radio key={way} value={way} label={t.sources[way]} />
                ))}
              </div>
            </Radio.Group>
            <Textarea
              label={t.ca}
              description={t.caHint}
              value={ca}
              onChange={(event) => setCa(event.currentTarget.value)}
              autosize
              minRows={2}
              maxRows={8}
              spellCheck={false}
            />
          </>
        )}
        {unsealed && (
          <div className="form-problem" role="alert">
            {unsealed}
          </div>
        )}
        {!(add.error instanceof Problem && add.error.missing_bytes !== null) && <FormProblem error={add.error} />}
        <div className="row">
          <Button type="submit" loading={sealing || add.isPending} data-testid="camera-submit">
            {sealing ? t.sealing : secret ? t.submit : t.submitOpen}
          </Button>
          <Button variant="default" onClick={() => go(`/agents/${id}`)}>
            {text.common.cancel}
          </Button>
        </div>
      </form>
    </>
  );
}
