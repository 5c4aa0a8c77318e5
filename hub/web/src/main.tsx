// Starts the page.
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Problem } from "./api/client";
import { keys } from "./api/reads";
import { App } from "./app";
import "./look/mantine.css";
import "./look/tokens.css";
import "./look/base.css";
import "./look/frame.css";
import "./look/pages.css";
import "./look/keeping.css";
import "./look/forms.css";
import "./look/tables.css";
import { theme, variables } from "./look/theme";
import { TextProvider } from "./text";
import { ShownTimeProvider } from "./time/shown";

// A session that has ended shows the door, whoever noticed; what was typed there before is asked again.
const onError = (error: unknown) => {
  if (error instanceof Problem && error.code === "no_session") queries.setQueryData(keys.session, null);
};

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      // What is refused stays refused; only a hub out of reach is asked again.
      retry: (times, error) => times < 3 && !(error instanceof Problem && error.status >= 400 && error.status < 500),
      retryDelay: (times) => Math.min(8_000, 500 * 2 ** times),
    },
  },
});

const schemes = localStorageColorSchemeManager({ key: "farwatch-scheme" });
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider
        theme={theme}
        cssVariablesResolver={variables}
        colorSchemeManager={schemes}
        defaultColorScheme="auto"
      >
        <QueryClientProvider client={queries}>
          <TextProvider>
            <ShownTimeProvider>
              <App />
            </ShownTimeProvider>
          </TextProvider>
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
