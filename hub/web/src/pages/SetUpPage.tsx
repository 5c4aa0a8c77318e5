// The one-time link that makes the first administrator: `/setup#t=TOKEN`. The token stays behind the `#`.
import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { useLocation } from "wouter";
import { useSetUp } from "../api/changes";
import { Door } from "../parts/Door";
import { FormProblem } from "../parts/Trouble";
import { useText } from "../text";

export function SetUpPage() {
  const text = useText();
  const setUp = useSetUp();
  const [, go] = useLocation();
  const [token] = useState(() => new URLSearchParams(window.location.hash.slice(1)).get("t") ?? "");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [repeat, setRepeat] = useState("");
  const [tried, setTried] = useState(false);
  if (!token) {
    return (
      <Door title={text.setUp.noToken} lead={text.setUp.noTokenNext}>
        <span />
      </Door>
    );
  }
  const wrong = {
    name: name.trim() ? null : text.setUp.noName,
    password: password.length >= 12 ? null : text.setUp.short,
    repeat: repeat === password ? null : text.setUp.differ,
  };
  return (
    <Door title={text.setUp.title} lead={text.setUp.lead}>
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (wrong.name || wrong.password || wrong.repeat) return;
          setUp.mutate({ token, name: name.trim(), password }, { onSuccess: () => go("/", { replace: true }) });
        }}
      >
        <TextInput
          label={text.setUp.name}
          description={text.setUp.nameHint}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={tried && wrong.name}
          autoComplete="username"
          autoFocus
          data-testid="setup-name"
        />
        <PasswordInput
          label={text.setUp.password}
          description={text.setUp.passwordHint}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          error={tried && wrong.password}
          autoComplete="new-password"
          data-testid="setup-password"
        />
        <PasswordInput
          label={text.setUp.repeat}
          value={repeat}
          onChange={(event) => setRepeat(event.currentTarget.value)}
          error={tried && wrong.repeat}
          autoComplete="new-password"
          data-testid="setup-repeat"
        />
        <FormProblem error={setUp.error} />
        <Button type="submit" size="md" fullWidth loading={setUp.isPending} data-testid="setup-submit">
          {text.setUp.submit}
        </Button>
      </form>
    </Door>
  );
}
