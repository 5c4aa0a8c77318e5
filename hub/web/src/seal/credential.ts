// A camera's user and password, sealed for its box and for the owner's recovery, bound to camera and host.
import { hostOf } from "../answer/newCamera";
import type { AgentDetail, Sealed } from "../api/types";
import { credentialBinding, seal } from "./seal";

export interface SealedCredential {
  sealed_credential: Sealed;
  sealed_recovery?: Sealed;
}

export async function sealCredential(
  agent: Pick<AgentDetail, "sealing_key" | "recovery_key">,
  camera: string,
  url: string,
  user: string,
  password: string,
): Promise<SealedCredential> {
  const binding = credentialBinding(camera, hostOf(url) ?? "");
  const words = `${user.trim()}:${password}`;
  const sealed_credential = await seal(agent.sealing_key, words, binding);
  if (!agent.recovery_key) return { sealed_credential };
  return { sealed_credential, sealed_recovery: await seal(agent.recovery_key, words, binding) };
}
