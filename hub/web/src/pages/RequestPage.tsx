export default function RequestPage(_: { id?: string; agent?: string }) {
  return null;
}
