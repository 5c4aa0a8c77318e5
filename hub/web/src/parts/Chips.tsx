// One of a few lists.
export function Chips<K extends string>(props: {
  value: K;
  onChange: (value: K) => void;
  options: readonly (readonly [K, string])[];
}) {
  return (
    <div className="chips">
      {props.options.map(([key, words]) => (
        <button
          key={key}
          type="button"
          className={`chip${props.value === key ? " on" : ""}`}
          aria-pressed={props.value === key}
          onClick={() => props.onChange(key)}
        >
          {words}
        </button>
      ))}
    </div>
  );
}
