// Copies a text and says so.
import { Button } from "@mantine/core";
import { useState } from "react";
import { useText } from "../text";

export function Copy({ text: what, label }: { text: string; label: string }) {
  const text = useText();
  const [done, setDone] = useState(false);
  return (
    <Button
      onClick={async () => {
        try {
          await navigator.clipboard.writeText(what);
          setDone(true);
          setTimeout(() => setDone(false), 2_000);
        } catch {
          // Without permission the text can still be selected by hand.
        }
      }}
    >
      {done ? text.common.copied : label}
    </Button>
  );
}
