// Asking for footage: from, to, why, and which picture.
import { Button, Radio, Textarea } from "@mantine/core";
import { useState } from "react";
import { type Picture, rangeAccount, wrongWith } from "../answer/request";
import type { Lane } from "../strip/model";
import type { Range } from "../strip/Strip";
import { useLanguage } from "../text";
import { length, zoneLabel } from "../time/format";
import { RangeFields } from "./RangeFields";
import { FormProblem } from "./Trouble";

interface Props {
  range: Range;
  onRange: (range: Range) => void;
  lane: Lane;
  now: number;
  zone: string;
  pictures: Picture[];
  picture: Picture;
  onPicture: (picture: Picture) => void;
  /** Why the first picture was not chosen. */
  notice: string | null;
  offline: boolean;
  pending: boolean;
  error: unknown;
  onSubmit: (reason: string) => void;
  onCancel: () => void;
}

export function RequestForm(props: Props) {
  const { range, onRange, lane, now, zone, pictures, picture, onPicture, notice, offline, pending, error } = props;
  const { text, language } = useLanguage();
  const t = text.request;
  const [reason, setReason] = useState("");
  const [tried, setTried] = useState(false);
  const wrong = wrongWith(range.start, range.end, reason, now, text);
  const long = length(Math.max(0, range.end - range.start), language);
  return (
    <form
      className="card pad request-form"
      noValidate
      data-testid="request-form"
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (!wrong.range && !wrong.reason) props.onSubmit(reason.trim());
      }}
    >
      <div className="row wrap request-times">
        <RangeFields range={range} onRange={onRange} zone={zone} />
        <span className="s mute request-zone">
          {t.zone}
          <br />
          {zoneLabel(range.start, zone)} · <b>{long}</b>
        </span>
      </div>
      {wrong.range ? (
        <p className="wrong s" role="alert">
          {wrong.range}
        </p>
      ) : (
        <p className="s mute">{rangeAccount(lane, range.start, range.end, now, text, language)}</p>
      )}
      <Textarea
        label={t.reason}
        description={t.reasonHint}
        autosize
        minRows={1}
        maxRows={4}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        error={tried && wrong.reason}
        data-testid="request-reason"
        autoFocus
      />
      {(pictures.length > 1 || notice) && (
        <Radio.Group label={t.quality} value={picture} onChange={(value) => onPicture(value as Picture)}>
          <div className="radios">
            {pictures.map((p) => (
              <Radio key={p} value={p} label={t[p]} data-testid={`request-picture-${p}`} />
            ))}
          </div>
          {notice && <p className="s warn">{notice}</p>}
        </Radio.Group>
      )}
      {offline && <p className="s warn">{t.offline}</p>}
      <FormProblem error={error} />
      <div className="row">
        <Button type="submit" loading={pending} data-testid="request-submit">
          {t.submit(long)}
        </Button>
        <Button variant="default" onClick={props.onCancel}>
          {text.common.cancel}
        </Button>
      </div>
    </form>
  );
}
