// `/` finds a site, camera or box by a piece of its name.
import { useId, useState } from "react";
import { useText } from "../text";

export interface Found {
  path: string;
  name: string;
  kind: "site" | "camera" | "agent";
  where: string;
}

export function Find({ all, onGo }: { all: readonly Found[]; onGo: (path: string) => void }) {
  const text = useText();
  const [words, setWords] = useState("");
  const [at, setAt] = useState(0);
  const list = useId();
  const wanted = words.trim().toLowerCase();
  const hits = wanted ? all.filter((f) => `${f.name} ${f.where}`.toLowerCase().includes(wanted)).slice(0, 8) : [];
  const go = (found: Found | undefined) => {
    if (!found) return;
    setWords("");
    (document.activeElement as HTMLElement | null)?.blur();
    onGo(found.path);
  };
  return (
    <div className="find">
      <input
        id="find"
        type="search"
        role="combobox"
        aria-expanded={wanted !== ""}
        aria-controls={list}
        aria-activedescendant={hits[at] ? `${list}-${at}` : undefined}
        aria-label={text.find.label}
        placeholder={text.find.hint}
        value={words}
        autoComplete="off"
        onChange={(event) => {
          setWords(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setAt(Math.min(at + 1, hits.length - 1));
          else if (event.key === "ArrowUp") setAt(Math.max(0, at - 1));
          else if (event.key === "Enter") go(hits[at]);
          else if (event.key === "Escape") {
            setWords("");
            event.currentTarget.blur();
          } else return;
          event.preventDefault();
        }}
      />
      {wanted && (
        <div className="card found" role="listbox" id={list}>
          {hits.length === 0 && <div className="mute pad-s">{text.find.nothing}</div>}
          {hits.map((hit, i) => (
            <div
              key={hit.path}
              id={`${list}-${i}`}
              role="option"
              tabIndex={-1}
              aria-selected={i === at}
              className={i === at ? "on" : ""}
              onPointerDown={(event) => {
                event.preventDefault();
                go(hit);
              }}
            >
              <b>{hit.name}</b> <span className="mute s">{hit.where}</span>
              <span className="sp" />
              <span className="faint s">{text.find[hit.kind]}</span>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}
