// Cutting a box off: says what it costs, and asks for its name.
import { Button, Modal, TextInput } from "@mantine/core";
import { useState } from "react";
import { useRevoke } from "../api/changes";
import { FormProblem } from "../parts/Trouble";
import { useText } from "../text";

interface Props {
  agent: string;
  name: string;
  cameras: number;
  onClose: () => void;
}

export function Revoke({ agent, name, cameras, onClose }: Props) {
  const text = useText();
  const t = text.agent;
  const revoke = useRevoke(agent);
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const ready = typed.trim() === name && reason.trim() !== "";
  return (
    <Modal
      opened
      onClose={onClose}
      title={<b>{t.revokeTitle(name)}</b>}
      closeButtonProps={{ "aria-label": text.common.close }}
    >
      <form
        className="form flush"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) revoke.mutate(reason.trim(), { onSuccess: onClose });
        }}
      >
        <p>{t.revokeCost(cameras)}</p>
        <TextInput
          label={t.revokeReason}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          data-autofocus
          data-testid="revoke-reason"
        />
        <TextInput
          label={t.revokeType(name)}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          autoComplete="off"
          data-testid="revoke-name"
        />
        <FormProblem error={revoke.error} />
        <div className="row">
          <Button
            type="submit"
            className="danger-fill"
            disabled={!ready}
            loading={revoke.isPending}
            data-testid="revoke-submit"
          >
            {t.revokeSubmit}
          </Button>
          <Button variant="default" onClick={onClose}>
            {text.common.cancel}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
