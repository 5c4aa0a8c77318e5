// Signing in.
import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { useSignIn } from "../api/changes";
import { Door } from "../parts/Door";
import { FormProblem } from "../parts/Trouble";
import { useText } from "../text";

export function SignInPage() {
  const text = useText();
  const signIn = useSignIn();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  return (
    <Door title={text.signIn.title} lead={text.signIn.lead}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate({ name: name.trim(), password });
        }}
      >
        <TextInput
          label={text.signIn.name}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          autoComplete="username"
          autoFocus
          required
          withAsterisk={false}
          data-testid="signin-name"
        />
        <PasswordInput
          label={text.signIn.password}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          autoComplete="current-password"
          required
          withAsterisk={false}
          data-testid="signin-password"
        />
        <FormProblem error={signIn.error} />
        <Button type="submit" size="md" fullWidth loading={signIn.isPending} data-testid="signin-submit">
          {text.signIn.submit}
        </Button>
        <p className="s mute">{text.signIn.first}</p>
      </form>
    </Door>
  );
}
