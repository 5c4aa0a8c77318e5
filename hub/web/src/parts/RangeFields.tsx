// From and to, in the site's zone, as a person types them.
import { TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import type { Range } from "../strip/Strip";
import { useText } from "../text";
import { fieldValue, fromField } from "../time/zone";

interface Props {
  range: Range;
  onRange: (range: Range) => void;
  zone: string;
}

export function RangeFields({ range, onRange, zone }: Props) {
  const t = useText().request;
  const [from, setFrom] = useState(() => field(range.start, zone));
  const [to, setTo] = useState(() => field(range.end, zone));
  useEffect(() => {
    setFrom(field(range.start, zone));
    setTo(field(range.end, zone));
  }, [range, zone]);
  // What is no date goes back to what it was.
  const take = () => {
    const [start, end] = [fromField(from, zone), fromField(to, zone)];
    if (start !== null && end !== null) onRange({ start, end });
    else {
      setFrom(field(range.start, zone));
      setTo(field(range.end, zone));
    }
  };
  return (
    <>
      <TextInput
        label={t.from}
        value={from}
        onChange={(event) => setFrom(event.currentTarget.value)}
        onBlur={take}
        data-testid="request-from"
      />
      <TextInput
        label={t.to}
        value={to}
        onChange={(event) => setTo(event.currentTarget.value)}
        onBlur={take}
        data-testid="request-to"
      />
    </>
  );
}

function field(ms: number, zone: string): string {
  return fieldValue(ms, zone).replace("T", " ");
}
