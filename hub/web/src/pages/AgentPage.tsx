export default function AgentPage(_: { id?: string; agent?: string }) {
  return null;
}
