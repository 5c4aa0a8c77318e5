// Which language is spoken. Words come from `useText()`, never from a page's own strings.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import type { Language } from "../time/format";
import { en, type Text } from "./en";
import { zh } from "./zh";

interface Spoken {
  language: Language;
  text: Text;
  speak: (language: Language) => void;
}

const Context = createContext<Spoken>({ language: "en", text: en, speak: () => {} });
const stored = "farwatch-language";

function first(): Language {
  const kept = localStorage.getItem(stored);
  if (kept === "en" || kept === "zh") return kept;
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

export function TextProvider({ children }: { children: ReactNode }) {
  const [language, set] = useState<Language>(first);
  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  }, [language]);
  const speak = useCallback((next: Language) => {
    localStorage.setItem(stored, next);
    set(next);
  }, []);
  const value = useMemo(() => ({ language, text: language === "zh" ? zh : en, speak }), [language, speak]);
  return <Context value={value}>{children}</Context>;
}

/** The words of the language spoken now. */
export function useText(): Text {
  return useContext(Context).text;
}

export function useLanguage(): Spoken {
  return useContext(Context);
}
