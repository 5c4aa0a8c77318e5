// Where a page stands in the house.
import { Link } from "wouter";
import { useText } from "../text";

export function Crumbs({ list }: { list: readonly (readonly [string, string])[] }) {
  const text = useText();
  return (
    <nav className="crumbs s mute" aria-label={text.nav.where}>
      {list.map(([name, path], i) => (
        <span key={path}>
          {i > 0 && <span aria-hidden="true"> › </span>}
          <Link href={path}>{name}</Link>
        </span>
      ))}
    </nav>
  );
}
