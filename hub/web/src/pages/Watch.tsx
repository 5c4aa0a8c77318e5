// Opens one pull for one stated reason and plays it while it arrives. Used by the camera's and the request's page.
import { Button } from "@mantine/core";
import { useEffect, useRef } from "react";
import { useNewPull, useNewView } from "../api/changes";
import { isDead, isOpen, usePull, useTimeline } from "../api/reads";
import type { Pull } from "../api/types";
import { Failure, FormProblem, Loading } from "../parts/Trouble";
import { Player } from "../player/Player";
import { useText } from "../text";

interface Props {
  pull: string;
  reason: string;
  person: string;
  zone: string;
  hasSub: boolean;
  /** Another picture of the same range was asked for. */
  onOther: (pull: Pull, reason: string) => void;
}

export function Watch({ pull: id, reason, person, zone, hasSub, onOther }: Props) {
  const text = useText();
  const pull = usePull(id);
  const view = useNewView(id);
  const asked = useRef(false);
  const data = pull.data;
  const { mutate } = view;
  // A view may be opened before a byte has come; one that will never hold any need not be.
  const ready = data != null && !(isDead(data.state) && data.bytes_received === 0);
  useEffect(() => {
    if (!ready || asked.current) return;
    asked.current = true;
    mutate(reason);
  }, [ready, reason, mutate]);
  const start = data?.start_ms ?? 0;
  const end = data?.end_ms ?? 0;
  const timeline = useTimeline(data?.camera ?? "", start, end, false, data?.stream ?? "main", data != null);

  if (pull.isError && !data) return <Failure error={pull.error} again={() => pull.refetch()} />;
  if (!data) return <Loading rows={1} height={320} />;
  if (isDead(data.state) && data.bytes_received === 0) {
    return (
      <div className="player player-empty" data-testid="player" data-state={data.state}>
        <b>
          {text.requests.state[data.state]}
          {data.refusal ? `: ${text.refusal[data.refusal.code] ?? data.refusal.message}` : ""}
        </b>
        <p>{text.pull.failedNext}</p>
      </div>
    );
  }
  if (!view.data) {
    return (
      <>
        <div className="player player-empty" data-testid="player" data-state={view.isError ? "refused" : "waiting"}>
          {!view.isError && <span className="player-wait" aria-hidden="true" />}
          <b>{text.pull.waiting}</b>
          <p>{text.pull.waitingNext}</p>
        </div>
        {view.isError && (
          <>
            <FormProblem error={view.error} />
            <Button mt="sm" variant="default" onClick={() => mutate(reason)}>
              {text.common.again}
            </Button>
          </>
        )}
      </>
    );
  }
  return (
    <Player
      view={view.data.view}
      begin={data.start_ms}
      end={data.end_ms}
      zone={zone}
      over={!isOpen(data.state)}
      progress={data.bytes_received}
      stream={data.stream}
      mark={`${person} · ${reason}`}
      lane={timeline.data ?? null}
      otherwise={<Other pull={data} hasSub={hasSub} reason={reason} onOther={onOther} />}
    />
  );
}

/** Asks for the same range in a picture this browser can play. */
function Other({
  pull,
  hasSub,
  reason,
  onOther,
}: {
  pull: Pull;
  hasSub: boolean;
  reason: string;
  onOther: Props["onOther"];
}) {
  const text = useText();
  const ask = useNewPull(pull.camera);
  const other = (stream: "main" | "sub", rendition: "original" | "preview") =>
    ask.mutate(
      { start_ms: pull.start_ms, end_ms: pull.end_ms, reason, stream, rendition },
      { onSuccess: (next) => onOther(next, reason) },
    );
  return (
    <div className="row wrap" style={{ justifyContent: "center" }}>
      {hasSub && pull.stream === "main" && (
        <Button loading={ask.isPending} onClick={() => other("sub", "original")} data-testid="ask-sub">
          {text.player.askSub}
        </Button>
      )}
      <Button
        variant={hasSub ? "default" : "filled"}
        loading={ask.isPending}
        onClick={() => other("main", "preview")}
        data-testid="ask-preview"
      >
        {text.player.askPreview}
      </Button>
      <FormProblem error={ask.error} />
    </div>
  );
}
