export default function CameraPage(_: { id?: string; agent?: string }) {
  return null;
}
