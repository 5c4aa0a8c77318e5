// Holding a range: it stays, whatever the retention period says.
import { Button, Modal, TextInput } from "@mantine/core";
import { useState } from "react";
import { useHold } from "../api/changes";
import { RangeFields } from "../parts/RangeFields";
import { FormProblem } from "../parts/Trouble";
import type { Range } from "../strip/Strip";
import { useLanguage } from "../text";
import { length, range as rangeWords } from "../time/format";

export function HoldFootage({
  camera,
  range,
  onRange,
  zone,
  onClose,
}: {
  camera: string;
  range: Range;
  onRange: (range: Range) => void;
  zone: string;
  onClose: () => void;
}) {
  const { text, language } = useLanguage();
  const hold = useHold(camera);
  const [reason, setReason] = useState("");
  const [tried, setTried] = useState(false);
  return (
    <Modal
      opened
      onClose={onClose}
      title={<b>{text.hold.title}</b>}
      closeButtonProps={{ "aria-label": text.common.close }}
    >
      <form
        className="form flush"
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (!reason.trim() || range.end <= range.start) return;
          hold.mutate({ start_ms: range.start, end_ms: range.end, reason: reason.trim() }, { onSuccess: onClose });
        }}
      >
        <p className="mute">{text.hold.lead}</p>
        <RangeFields range={range} onRange={onRange} zone={zone} />
        <p className="s mute">{rangeWords(range.start, range.end, zone, language)}</p>
        <TextInput
          label={text.hold.reason}
          description={text.hold.reasonHint}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          error={tried && !reason.trim() && text.hold.reasonNeeded}
          data-autofocus
          data-testid="hold-reason"
        />
        <FormProblem error={hold.error} />
        <div className="row">
          <Button type="submit" loading={hold.isPending} data-testid="hold-submit">
            {text.hold.submit(length(range.end - range.start, language))}
          </Button>
          <Button variant="default" onClick={onClose}>
            {text.common.cancel}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
