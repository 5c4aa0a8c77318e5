// Changing a camera: its name, its days, whether it is recorded. The box applies it and reports.
import { Button, Checkbox, Modal, TextInput } from "@mantine/core";
import { useState } from "react";
import { wrongDays } from "../answer/newCamera";
import { useChangeCamera } from "../api/changes";
import type { CameraDetail } from "../api/types";
import { FormProblem } from "../parts/Trouble";
import { useText } from "../text";

export function ChangeCamera({ camera: { summary: camera }, onClose }: { camera: CameraDetail; onClose: () => void }) {
  const text = useText();
  const t = text.addCamera;
  const change = useChangeCamera(camera.id);
  const [name, setName] = useState(camera.name);
  const [floor, setFloor] = useState(String(camera.floor_days));
  const [ceiling, setCeiling] = useState(camera.ceiling_days == null ? "" : String(camera.ceiling_days));
  const [record, setRecord] = useState(camera.recording !== "off");
  const wrong = wrongDays(floor, ceiling);
  return (
    <Modal
      opened
      onClose={onClose}
      title={<b>{text.camera.changeTitle(camera.name)}</b>}
      closeButtonProps={{ "aria-label": text.common.close }}
    >
      <form
        className="form flush"
        onSubmit={(event) => {
          event.preventDefault();
          if (!name.trim() || wrong) return;
          change.mutate(
            {
              name: name.trim(),
              recording: record === (camera.recording !== "off") ? null : { mode: record ? "continuous" : "off" },
              floor_days: Number(floor),
              ceiling_days: Number(ceiling.trim() || 0),
            },
            { onSuccess: onClose },
          );
        }}
      >
        <TextInput
          label={t.name}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={!name.trim() && t.error.name}
          data-autofocus
        />
        <div className="pair">
          <TextInput
            label={t.floor}
            description={t.floorHint}
            inputMode="numeric"
            value={floor}
            onChange={(event) => setFloor(event.currentTarget.value)}
            error={wrong === "floor" && t.error.floor}
          />
          <TextInput
            label={t.ceiling}
            description={t.ceilingHint}
            inputMode="numeric"
            value={ceiling}
            onChange={(event) => setCeiling(event.currentTarget.value)}
            error={wrong === "ceiling" && t.error.ceiling}
          />
        </div>
        <Checkbox
          label={text.camera.recordSwitch}
          description={record ? undefined : text.camera.recordOffCost}
          checked={record}
          onChange={(event) => setRecord(event.currentTarget.checked)}
        />
        <FormProblem error={change.error} />
        <div className="row">
          <Button type="submit" loading={change.isPending}>
            {text.camera.changeSubmit}
          </Button>
          <Button variant="default" onClick={onClose}>
            {text.common.cancel}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
