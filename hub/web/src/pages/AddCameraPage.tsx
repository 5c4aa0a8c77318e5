// A new camera for a box. Its password is sealed here, in the browser; the hub stores what only the box can open.
import { Button, Checkbox, PasswordInput, Radio, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useLocation } from "wouter";
import { type CameraForm, type Field, hostOf, wrongWithCamera } from "../answer/newCamera";
import { useNewCamera } from "../api/changes";
import { useAgent } from "../api/reads";
import type { AddCamera, AgentDetail } from "../api/types";
import { Crumbs } from "../parts/Crumbs";
import { Failure, FormProblem, Loading } from "../parts/Trouble";
import { useText } from "../text";
import { present } from "../time/shown";

export default function AddCameraPage({ agent: id }: { agent: string }) {
  const agent = useAgent(id);
  if (agent.isPending) return <Loading rows={4} height={60} />;
  if (!agent.data) return <Failure error={agent.error} again={() => agent.refetch()} />;
  return <Known agent={agent.data} />;
}

const empty: CameraForm = { name: "", url: "", sub_url: "", user: "", password: "", floor: "30", ceiling: "" };

function Known({ agent }: { agent: AgentDetail }) {
  const text = useText();
  const t = text.addCamera;
  const [, go] = useLocation();
  const { id, name } = agent.summary;
  const add = useNewCamera(id);
  const [form, setForm] = useState(empty);
  const [source, setSource] = useState<"auto" | "rtsp" | "gst">("auto");
  const [audio, setAudio] = useState(false);
  const [record, setRecord] = useState(true);
  const [ca, setCa] = useState("");
  const [more, setMore] = useState(false);
  const [tried, setTried] = useState(false);
  const [sealing, setSealing] = useState(false);
  const [unsealed, setUnsealed] = useState<string | null>(null);
  const wrong = wrongWithCamera(form);
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
    if (Object.keys(wrong).length > 0) return;
    const body: AddCamera = {
      name: form.name.trim(),
      url: form.url.trim(),
      sub_url: form.sub_url.trim() || null,
      source,
      recording: { mode: record ? "continuous" : "off" },
      audio,
      floor_days: Number(form.floor),
      ceiling_days: form.ceiling.trim() === "" ? null : Number(form.ceiling),
      ca_pem: ca.trim() || null,
    };
    if (secret) {
      if (!agent.sealing_key) {
        setUnsealed(t.error.noKey);
        return;
      }
      setSealing(true);
      try {
        const { credentialBinding, seal, uuid7 } = await import("../seal/seal");
        const camera = uuid7(present());
        const binding = credentialBinding(camera, hostOf(form.url) ?? "");
        const words = `${form.user.trim()}:${form.password}`;
        body.id = camera;
        body.sealed_credential = await seal(agent.sealing_key, words, binding);
        if (agent.recovery_key) body.sealed_recovery = await seal(agent.recovery_key, words, binding);
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
        <div className="pair">
          <TextInput
            label={t.floor}
            description={t.floorHint}
            value={form.floor}
            onChange={set("floor")}
            error={error("floor")}
            inputMode="numeric"
            data-testid="camera-floor"
          />
          <TextInput
            label={t.ceiling}
            description={t.ceilingHint}
            value={form.ceiling}
            onChange={set("ceiling")}
            error={error("ceiling")}
            inputMode="numeric"
          />
        </div>
        <Checkbox label={t.record} checked={record} onChange={(event) => setRecord(event.currentTarget.checked)} />
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
            <Checkbox
              label={t.audio}
              description={t.audioHint}
              checked={audio}
              onChange={(event) => setAudio(event.currentTarget.checked)}
            />
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
        <FormProblem error={add.error} />
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
