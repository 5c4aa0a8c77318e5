export default function AddCameraPage(_: { id?: string; agent?: string }) {
  return null;
}
