export default function SitePage(_: { id?: string; agent?: string }) {
  return null;
}
