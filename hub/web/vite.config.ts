import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// During development the hub (or a stand-in) answers below /api; `FARWATCH_HUB` says where.
const hub = process.env.FARWATCH_HUB ?? "https://127.0.0.1:8443";

export default defineConfig({
  plugins: [react()],
  build: { target: "es2022", sourcemap: false, assetsInlineLimit: 0, chunkSizeWarningLimit: 600 },
  server: { proxy: { "/api": { target: hub, secure: false, changeOrigin: true } } },
  test: { environment: "node", include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
});
