// How to read the strip, once per page.
import { useText } from "../text";

export function Legend({ unsure }: { unsure: boolean }) {
  const t = useText().camera;
  return (
    <div className="legend s mute">
      <span>
        <i className="l-kept" />
        {t.legend.kept}
      </span>
      <span>
        <i className="l-gap" />
        {t.legend.gap}
      </span>
      <span>
        <i className="l-held" />
        {t.legend.held}
      </span>
      {unsure && (
        <span>
          <i className="l-unsure" />
          {t.legend.unsure}
        </span>
      )}
      <span>
        <i className="l-unknown" />
        {t.legend.unknown}
      </span>
      <span className="legend-keys">{t.legendKeys}</span>
    </div>
  );
}
