// The frame of what is seen before signing in.
import type { ReactNode } from "react";
import { useLanguage } from "../text";

export function Door({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  const { text, speak, language } = useLanguage();
  return (
    <main className="door">
      <div className="door-box">
        <div className="row">
          <img src="/mark.svg" alt="" width="30" height="30" />
          <b className="door-name">{text.product}</b>
          <span className="sp" />
          <button
            type="button"
            className="link"
            lang={language === "en" ? "zh-CN" : "en"}
            onClick={() => speak(language === "en" ? "zh" : "en")}
            data-testid={language === "en" ? "lang-zh" : "lang-en"}
          >
            {text.otherLanguage}
          </button>
        </div>
        <div className="door-strip" aria-hidden="true">
          {bars.map((h, i) => (
            <i
              key={i}
              style={{ height: `${h * 100}%` }}
              className={i > 36 && i < 40 ? "gap" : i > 18 && i < 27 ? "held" : ""}
            />
          ))}
        </div>
        <h1>{title}</h1>
        <p className="mute">{lead}</p>
        {children}
      </div>
    </main>
  );
}

// The strip as an ornament: a quiet night, a busy day, one gap.
const bars = Array.from({ length: 56 }, (_, i) =>
  i > 36 && i < 40 ? 0 : 0.16 + 0.7 * Math.max(0, Math.sin((i - 6) / 14)) * (0.45 + 0.55 * Math.abs(Math.sin(i * 1.7))),
);
